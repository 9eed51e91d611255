import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '#contracts/tasker.ts'
import { until } from '#testing/until.ts'
import { aTask, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'

const start = (world: World, task: string, vars = {}) =>
  world.bus.ask('tasker.start_run', { repo: REPO, task, vars, by: 'ann' })

const ended = (world: World, run: Run): Promise<Run> =>
  until(async () => {
    const now = await world.run(run.id)
    return now.ended_at === null ? undefined : now
  })

const states = (run: Run) => run.steps.map(({ step, node, state }) => `${step} ${node} ${state}`)

test('a step runs on all its targets side by side, and the next begins when the last has ended', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['db', 'web'], [aTask('t', ['one', 'two'], { targets: ['web', 'db'] })]))
  const run = await start(world, 't')
  const [first, second] = [await world.stepJob(1), await world.stepJob(2)]
  assert.deepEqual([first.step, second.step], [0, 0])
  await world.finish(first)
  await until(async () => (await world.run(run.id)).steps.some(({ state }) => state === 'success'))
  assert.equal(world.stepJobs.length, 2)
  await world.finish(second)
  await world.finish(await world.stepJob(3))
  await world.finish(await world.stepJob(4))
  assert.equal((await ended(world, run)).state, 'succeeded')
  const types = await until(() =>
    world.events.length >= 5 ? world.events.map(({ type }) => type) : undefined,
  )
  assert.deepEqual(
    types.filter((type) => type !== 'work.changed'),
    ['task.t.run.start', 'task.t.run.success'],
  )
})

test('a failure stops the run once the step has ended everywhere, and says step and node', async () => {
  await using world = await World.open()
  const steps = [{ id: 'build', run: 'make' }, 'never']
  world.tips.set(REPO, tip(1, ['db', 'web'], [aTask('t', steps, { targets: ['web', 'db'] })]))
  const run = await start(world, 't')
  const jobs = [await world.stepJob(1), await world.stepJob(2)]
  for (const job of jobs) await world.finish(job, job.node === 'db' ? 'failure' : 'success')
  const done = await ended(world, run)
  assert.equal(done.state, 'failed')
  assert.equal(done.error, 'step 1 "build" failed on db: exit 1')
  assert.deepEqual(states(done), ['0 db failure', '0 web success', '1 db skipped', '1 web skipped'])
})

test('an unknown outcome is reported as unknown and the step is not run again', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one', 'two'])]))
  const run = await start(world, 't')
  const job = await world.stepJob(1)
  await world.finish(job, 'unknown')
  await world.finish(job, 'success')
  const done = await ended(world, run)
  assert.equal(
    done.error,
    'the outcome of step 1 "one" on web is unknown, and it was not run again: the link was lost',
  )
  assert.deepEqual(states(done), ['0 web unknown', '1 web skipped'])
  assert.equal(world.stepJobs.length, 1)
})

test('a run takes all its nodes at once and keeps them to its end', async () => {
  await using world = await World.open()
  const steps = [
    { run: 'one', targets: ['web'] },
    { run: 'two', targets: ['db'] },
  ]
  await world.push(tip(1, ['db', 'web'], [aTask('t', steps)]))
  await world.settleNodes()
  const run = await start(world, 't')
  const job = await world.stepJob(1)
  const [sync] = await world.bus.ask('tasker.sync', { repo: REPO, node: 'db', by: 'ann' })
  assert.match(sync?.waits_for ?? '', /^waits for node db: run of t, \d+ s$/)
  await world.finish(job)
  await world.finish(await world.stepJob(2))
  await ended(world, run)
  assert.equal((await world.nodeJob(1)).node, 'db')
})

test('an edit made after a run began does not touch it', async () => {
  await using world = await World.open()
  const files = (text: string) => ({ scripts: { 'scripts/a.sh': text } })
  const task = aTask('t', ['one', 'devops scripts/a.sh'])
  world.tips.set(REPO, tip(1, ['web'], [task], files('echo old\n')))
  const run = await start(world, 't')
  world.tips.set(REPO, tip(2, ['web'], [aTask('t', ['other'])], files('echo new\n')))
  await world.finish(await world.stepJob(1))
  const job = await world.stepJob(2)
  assert.equal(job.script, '#!/bin/sh\necho old\n')
  await world.finish(job)
  assert.equal((await ended(world, run)).state, 'succeeded')
})

test('a step whose template does not fit fails with the reason, and nothing of it runs', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['db', 'web'], [aTask('t', ['echo {{ db.ipp }}'], { targets: ['db', 'web'] })]))
  world.resolved = { vars: {}, db: { id: 'db', ip: '10.0.0.1', facts: {}, configuration: {}, vars: {} } }
  const done = await ended(world, await start(world, 't'))
  assert.match(done.error ?? '', /^step 1 .* failed on db: .*unknown variable.*db\.ip/)
  assert.equal(world.stepJobs.length, 0)
})

test('the nearest variable wins, what was given at the start wins over all, and steps see what went before', async () => {
  await using world = await World.open()
  const steps = [
    { id: 'first', run: 'echo {{ a }} {{ vars.b }} {{ c }} {{ d }}', vars: { c: '{{ b }}-step', d: 'step' } },
    { run: 'echo {{ steps.first.stdout }} {{ steps.first.status }} {{ run.id }}' },
  ]
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', steps, { vars: { b: 'task' } })]))
  world.resolved = {
    vars: { a: 'repo', b: 'repo', c: 'repo' },
    $views: { web: { a: 'node', b: 'task', c: 'repo' } },
  }
  const run = await start(world, 't', { d: 'given' })
  const job = await world.stepJob(1)
  assert.equal(job.script, 'echo node task task-step given')
  await world.finish(job, 'success', 'v1\n')
  const second = await world.stepJob(2)
  assert.equal(second.script, `echo v1 success ${run.id}`)
})

test('a service command is rendered with its own options, under the user that it asks for', async () => {
  await using world = await World.open()
  const steps = [{ run: 'devops backup run', options: { size: '{{ n }}' } }, { run: 'devops backup run' }]
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', steps)]))
  await start(world, 't', { n: 7 })
  const job = await world.stepJob(1)
  assert.deepEqual([job.script, job.user], ['backup run 7', 'root'])
  await world.finish(job)
  assert.equal((await world.stepJob(2)).script, 'backup run 3')
})

test('a run that waits is cancelled at once; one that runs is stopped, and its nodes are free then', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['sleep 9', 'two'])]))
  const [first, second] = [await start(world, 't'), await start(world, 't')]
  await world.stepJob(1)
  const cancel = (run: Run) => world.bus.ask('tasker.cancel', { repo: REPO, work: run.id, by: 'bob' })
  assert.equal((await cancel(second)).state, 'cancelled')
  const told = await until(() => world.events.find(({ type }) => type === 'task.t.run.error'))
  assert.partialDeepStrictEqual(told.data, { run: second.id, error: 'cancelled by bob' })
  assert.equal((await cancel(first)).state, 'cancelled')
  assert.deepEqual(states(await world.run(first.id)), ['0 web stopped', '1 web skipped'])
  assert.deepEqual(states(await world.run(second.id)), ['0 web skipped', '1 web skipped'])
  const [third] = await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  assert.equal((await world.nodeJob(1)).work, third?.id)
})

test('a cancelled run holds its nodes until a step that could not be stopped has ended', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one', 'two'])]))
  const run = await start(world, 't')
  await world.stepJob(1)
  world.stops = () => false
  const told = await world.bus.ask('tasker.cancel', { repo: REPO, work: run.id, by: 'ann' })
  assert.equal(told.state, 'running')
  world.stops = () => true
  await until(async () => {
    await world.clock.advance(1000)
    return (await world.run(run.id)).state === 'cancelled'
  })
  assert.equal(world.stepJobs.length, 1)
})

test('a run that is cancelled while its next step is made ready starts no step any more', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one', 'two'])]))
  const asked = Promise.withResolvers<void>()
  const cancelled = Promise.withResolvers<void>()
  const run = await start(world, 't')
  const job = await world.stepJob(1)
  world.onResolve = async () => {
    asked.resolve()
    await cancelled.promise
  }
  await world.finish(job)
  await asked.promise
  await world.bus.ask('tasker.cancel', { repo: REPO, work: run.id, by: 'ann' })
  cancelled.resolve()
  assert.deepEqual(states(await ended(world, run)), ['0 web success', '1 web skipped'])
  // What comes after it on the node shows that nothing of it is on its way.
  world.onResolve = async () => {}
  const next = await start(world, 't')
  assert.equal((await world.stepJob(2)).run, next.id)
})

test('two tasks that start each other are cut, and the run that was not begun says why', async () => {
  await using world = await World.open()
  const ping = aTask('ping', ['ping'], { events: ['task.pong.run'] })
  const pong = aTask('pong', ['pong'], { events: ['task.ping.run.success', 'task.pong.run.error'] })
  await world.push(tip(1, ['web'], [ping, pong]))
  await world.settleNodes()
  await start(world, 'ping')
  for (let n = 1; n <= 9; n++) await world.finish(await world.stepJob(n))
  const cut = await until(async () => (await world.runs()).find(({ state }) => state === 'failed'))
  assert.match(cut.error ?? '', /^runs started by events are cut after 8 in a row/)
  assert.equal(cut.cause.depth, 9)
  assert.equal((await world.runs()).length, 10)
})

test('a push starts the tasks that it arms for pushes, and only those of its own repository', async () => {
  await using world = await World.open()
  const other = { repo: 'bob/site' }
  const task = aTask('t', ['one'], { events: ['repo.pushed', 'node.*.create'] })
  await world.push(tip(1, ['web'], [task], other))
  await world.push(tip(1, ['web'], [task]))
  const runs = await until(async () => {
    const runs = await world.runs()
    return runs.length === 1 ? runs : undefined
  })
  assert.equal(runs[0]?.cause.detail, 'repo.pushed')
  const mine = await until(() => world.nodeJobs.find(({ repo }) => repo === REPO))
  await world.succeed(mine)
  await until(async () => (await world.runs()).length === 2)
  assert.equal((await world.bus.ask('tasker.list_runs', { ...other, limit: 9 })).length, 1)
})

test('a task that does not exist is answered with the nearest, and one without targets with what is missing', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('deploy', ['one'], { targets: [] })]))
  await assert.rejects(start(world, 'deplyo'), /There is no task deplyo in ann\/site, did you mean deploy\?/)
  const run = await start(world, 'deploy')
  assert.equal(run.state, 'failed')
  assert.match(run.error ?? '', /^step 1 of task deploy has no targets/)
})

test('a restart in the middle loses no run and repeats no step', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one', 'two', 'three'])]))
  const run = await start(world, 't')
  for (let n = 1; n <= 3; n++) {
    await world.restart()
    const job = await world.stepJobLater(n)
    await world.restart()
    await world.finish(job)
  }
  const done = await until(async () => {
    await world.clock.advance(1_000)
    const found = await world.run(run.id)
    return found.ended_at === null ? undefined : found
  })
  assert.equal(done.state, 'succeeded')
  assert.equal(world.stepJobs.length, 3)
})

test('the people read how a run goes', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one'])]))
  const run = await start(world, 't')
  await world.finish(await world.stepJob(1), 'failure')
  await ended(world, run)
  const lines = await until(() => (world.lines.length >= 4 ? world.lines : undefined))
  assert.deepEqual(
    new Set(lines.map(({ text }) => text)),
    new Set([
      'run of t queued: ann by hand',
      'run of t starts',
      'step 1 on web ended: failure, exit 1',
      'run of t ended: step 1 "one" failed on web: exit 1',
    ]),
  )
  assert.ok(lines.every(({ work, task }) => work === run.id && task === 't'))
})
