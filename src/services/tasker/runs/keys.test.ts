import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Step, Task } from '#contracts/descriptors.ts'
import type { Run } from '#contracts/tasker.ts'
import { until } from '#testing/until.ts'
import { aTask, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'
import { stepFollows } from './steps.ts'

const start = (world: World, vars = {}, by = 'ann') =>
  world.bus.ask('tasker.start_run', { repo: REPO, task: 't', vars, by })

async function begin(world: World, steps: (Step | string)[], more: Partial<Task> = {}): Promise<Run> {
  const targets = more.targets ?? ['web']
  world.tips.set(REPO, tip(1, ['a', 'b', 'c', 'd', 'web'], [{ ...aTask('t', steps, { targets }), ...more }]))
  return start(world)
}

const ended = (world: World, run: Run): Promise<Run> =>
  until(async () => {
    const now = await world.run(run.id)
    return now.ended_at === null ? undefined : now
  })
const states = ({ steps }: Run) => steps.map(({ step, node, state }) => `${step} ${node} ${state}`)
const begun = (world: World) => world.stepJobs.map(({ step, node }) => `${step} ${node}`)
/** Ends each job as it comes: by default well. */
async function finishAll(
  world: World,
  run: Run,
  outcome: (job: { step: number; node: string }) => 'success' | 'failure' = () => 'success',
): Promise<Run> {
  let done = 0
  return until(async () => {
    for (; done < world.stepJobs.length; done++) {
      const job = world.stepJobs[done]
      if (job) await world.finish(job, outcome(job))
    }
    const now = await world.run(run.id)
    return now.ended_at === null ? undefined : now
  })
}

test('a step whose condition does not hold is skipped with the reason, and the run goes on', async () => {
  await using world = await World.open()
  const run = await begin(world, [{ run: 'one', if: 'vars.go == "yes"' }, 'two'], { vars: {} })
  const done = await finishAll(world, run)
  assert.equal(done.state, 'succeeded')
  assert.deepEqual(states(done), ['0 web skipped', '1 web success'])
  assert.equal(done.steps[0]?.error, 'its condition does not hold: vars.go == "yes"')
  assert.deepEqual(begun(world), ['1 web'])
})

test('a condition asks earlier steps how they went and what they gave', async () => {
  await using world = await World.open()
  const run = await begin(world, [
    { id: 'build', run: 'make', outputs: ['version'], continue_on_error: true },
    { run: 'a', if: 'steps.build.status == "failure" and steps.build.outputs.version == "7"' },
    { run: 'b', if: 'steps.build.outputs.version != "7"' },
  ])
  await world.finish(await world.stepJob(1), 'failure', '', { version: '7', other: 'x' })
  await world.finish(await world.stepJob(2))
  const done = await ended(world, run)
  assert.deepEqual(states(done), ['0 web failure', '1 web success', '2 web skipped'])
  assert.equal(done.state, 'succeeded')
  assert.deepEqual(done.steps[0]?.outputs, { version: '7', other: 'x' })
})

test('a step that fails is tried again after its pause, and the run succeeds if one try does', async () => {
  await using world = await World.open()
  const run = await begin(world, [{ run: 'flaky', retries: { count: 2, pause: 10 } }])
  await world.finish(await world.stepJob(1), 'failure')
  await until(async () => (await world.run(run.id)).steps[0]?.retry_at)
  await world.clock.advance(9_000)
  assert.equal(world.stepJobs.length, 1)
  await world.clock.advance(1_000)
  await world.finish(await world.stepJob(2), 'failure')
  await until(async () => (await world.run(run.id)).steps[0]?.retry_at)
  await world.clock.advance(20_000)
  const third = await world.stepJob(3)
  assert.equal(third.attempt, 3)
  await world.finish(third)
  assert.equal((await ended(world, run)).state, 'succeeded')
})

test('when all tries fail the step has failed; an unknown outcome is never tried again', async () => {
  await using world = await World.open()
  const retries = { count: 1, pause: 0 }
  const run = await begin(world, [{ run: 'flaky', retries }])
  await world.finish(await world.stepJob(1), 'failure')
  await world.finish(await world.stepJob(2), 'failure')
  assert.equal((await ended(world, run)).error, 'step 1 "flaky" failed on web: exit 1')
  const second = await start(world)
  await world.finish(await world.stepJob(3), 'unknown')
  assert.match((await ended(world, second)).error ?? '', /is unknown, and it was not run again/)
  assert.equal(world.stepJobs.length, 3)
})

for (const late of ['success', 'failure', 'unknown'] as const)
  test(`what an earlier try has to say too late (${late}) changes nothing of the one that runs`, async () => {
    await using world = await World.open()
    const run = await begin(world, [{ run: 'flaky', retries: { count: 2, pause: 0 } }])
    const first = await world.stepJob(1)
    await world.finish(first, 'failure')
    const second = await world.stepJob(2)
    assert.equal(second.attempt, 2)
    await world.finish(first, late)
    await world.finish(second, 'failure')
    const now = () => world.run(run.id)
    const ended = async () => (await now()).ended_at !== null
    await until(async () => world.stepJobs.length > 2 || (await ended()))
    const third = world.stepJobs[2]
    assert.equal(third?.attempt, 3, 'the second try was ended by the first')
    if (third) await world.finish(second, late)
    if (third) await world.finish(third, 'success')
    await until(async () => world.stepJobs.length > 3 || (await ended()))
    const { state, steps } = await now()
    assert.deepEqual([state, steps[0]?.attempt, world.stepJobs.length], ['succeeded', 3, 3])
  })

test('a step that takes too long is stopped and has failed', async () => {
  await using world = await World.open()
  const stopped: string[] = []
  world.stops = ({ node }) => stopped.push(node) > 0
  const run = await begin(world, [{ run: 'sleep 99', timeout: 60 }, 'two'])
  await world.stepJob(1)
  await world.clock.advance(59_000)
  assert.deepEqual(stopped, [])
  await world.clock.advance(2_000)
  const done = await ended(world, run)
  assert.deepEqual(stopped, ['web'])
  assert.equal(done.error, 'step 1 "sleep 99" failed on web: timed out after 60 s')
})

test('the end of a stopped step that comes from the node is told as the time-out that it was', async () => {
  await using world = await World.open()
  world.stops = () => false
  const run = await begin(world, [{ run: 'sleep 99', timeout: 60 }])
  const job = await world.stepJob(1)
  await world.clock.advance(61_000)
  await until(async () => world.events.length > 0)
  await world.finish(job, 'stopped')
  assert.equal((await ended(world, run)).error, 'step 1 "sleep 99" failed on web: timed out after 60 s')
})

test('a task that takes too long is stopped, its retries too, and on_failure runs', async () => {
  await using world = await World.open()
  const run = await begin(world, [{ run: 'flaky', retries: { count: 5, pause: 600 } }, 'two'], {
    timeout: 120,
    on_failure: [{ run: 'tell' }],
  })
  await world.finish(await world.stepJob(1), 'failure')
  await until(async () => (await world.run(run.id)).steps[0]?.retry_at)
  await world.clock.advance(121_000)
  const tell = await world.stepJob(2)
  assert.equal(tell.step, 2)
  await world.finish(tell)
  assert.equal((await ended(world, run)).error, 'the task timed out after 120 s')
})

test('steps that need nothing of each other run side by side; one that needs both waits for both', async () => {
  await using world = await World.open()
  const run = await begin(world, [
    { id: 'a', run: 'a' },
    { id: 'b', run: 'b' },
    { id: 'c', run: 'c', needs: ['a', 'b'] },
  ])
  const [first, second] = [await world.stepJob(1), await world.stepJob(2)]
  assert.deepEqual(begun(world).sort(), ['0 web', '1 web'])
  await world.finish(first)
  await until(
    async () => (await world.run(run.id)).steps.filter(({ state }) => state === 'success').length === 1,
  )
  assert.equal(world.stepJobs.length, 2)
  await world.finish(second)
  await world.finish(await world.stepJob(3))
  assert.equal((await ended(world, run)).state, 'succeeded')
})

test('batches follow one another, each through all steps; one that fails ends the run before the next', async () => {
  await using world = await World.open()
  const more = { targets: ['a', 'b', 'c', 'd'], batch: { size: 2, max_failures: 0 } }
  const run = await begin(world, ['one', 'two'], more)
  const done = await finishAll(world, run, ({ step, node }) =>
    step === 1 && node === 'b' ? 'failure' : 'success',
  )
  assert.deepEqual(begun(world).sort(), ['0 a', '0 b', '1 a', '1 b'])
  assert.deepEqual(states(done), [
    '0 a success',
    '0 b success',
    '0 c skipped',
    '0 d skipped',
    '1 a success',
    '1 b failure',
    '1 c skipped',
    '1 d skipped',
  ])
  assert.equal(done.error, 'step 2 "two" failed on b: exit 1')
})

test('as many nodes may fail as the batch allows: they are left out, and the run goes on without them', async () => {
  await using world = await World.open()
  const more = { targets: ['a', 'b', 'c', 'd'], batch: { size: '50%', max_failures: 1 } }
  const run = await begin(world, ['one', 'two'], more)
  const done = await finishAll(world, run, ({ node }) => (node === 'a' ? 'failure' : 'success'))
  assert.deepEqual(states(done), [
    '0 a failure',
    '0 b success',
    '0 c success',
    '0 d success',
    '1 a skipped',
    '1 b success',
    '1 c success',
    '1 d success',
  ])
  assert.equal(done.state, 'failed')
})

test('on_failure runs once the run has failed, knows what failed, and does not run otherwise', async () => {
  await using world = await World.open()
  const on_failure = [
    { run: 'tell {{ run.failed.step }} {{ run.failed.nodes }} {{ run.error }}' },
    { run: 'last' },
  ]
  const run = await begin(world, ['one', 'two'], { on_failure })
  const done = await finishAll(world, run, ({ step }) => (step === 0 ? 'failure' : 'success'))
  assert.deepEqual(states(done), ['0 web failure', '1 web skipped', '2 web success', '3 web success'])
  assert.equal(world.stepJobs[1]?.script, `tell one '["web"]' 'step 1 "one" failed on web: exit 1'`)
  assert.equal(done.error, 'step 1 "one" failed on web: exit 1')
  const fine = await finishAll(world, await start(world))
  assert.deepEqual(states(fine).slice(2), ['2 web skipped', '3 web skipped'])
})

test('environment and user are told with the text of a step, rendered', async () => {
  await using world = await World.open()
  const run = await begin(world, [
    { run: 'one', user: 'www-data', env: { A: 'v {{ vars.x }}' }, vars: { x: "it's" } },
  ])
  const job = await world.stepJob(1)
  assert.deepEqual([job.user, job.env], ['www-data', { A: "v it's" }])
  await world.finish(job)
  await ended(world, run)
})

test('a step sets a variable of the repository, with the type of its value, and tells which run did', async () => {
  await using world = await World.open()
  const run = await begin(world, [{ run: 'devops var set v {{ vars.n }}', vars: { n: 7 } }, 'two'], {
    targets: ['a', 'b'],
  })
  const done = await finishAll(world, run)
  assert.deepEqual(world.set, [
    { repo: REPO, scope: 'repo', name: 'v', value: 7, by: 'ann', source: { kind: 'run', id: run.id } },
  ])
  assert.deepEqual(states(done), ['0 a success', '1 a success', '1 b success'])
})

const approval = { by: 'admin', within: 3600, other: false } as const

test('a run waits for approval, says for whose, and begins with it', async () => {
  await using world = await World.open()
  world.forbidden.add('ann collaborator.write')
  const run = await begin(world, ['one'], { approval })
  const waits = (await world.run(run.id)).waits_for ?? ''
  assert.match(waits, /^waits for approval by an admin, until \d{4}-\d\d-\d\d \d\d:\d\d UTC$/)
  const consent = (by: string, approve = true) =>
    world.bus.ask('tasker.consent', { repo: REPO, run: run.id, by, approve })
  await assert.rejects(consent('ann'), /ann may not approve or refuse this run: that is for an admin/)
  assert.equal(world.stepJobs.length, 0)
  await consent('boss')
  await world.finish(await world.stepJob(1))
  const done = await ended(world, run)
  assert.equal(done.state, 'succeeded')
  assert.equal(done.consent?.given?.by, 'boss')
  await assert.rejects(consent('boss'), /waits for nobody's approval: it is succeeded/)
})

test('a run that is refused, or that nobody approves in time, ends and says so; nothing of it ran', async () => {
  await using world = await World.open()
  const run = await begin(world, ['one'], { approval: { ...approval, by: ['bob'] } })
  const why = 'not on a Friday'
  await world.bus.ask('tasker.consent', { repo: REPO, run: run.id, by: 'bob', approve: false, why })
  const refused = await world.run(run.id)
  assert.deepEqual([refused.state, refused.error], ['cancelled', 'refused by bob: not on a Friday'])
  const late = await start(world)
  await world.clock.advance(3_600_000)
  const expired = await ended(world, late)
  assert.equal(expired.state, 'cancelled')
  assert.match(expired.error ?? '', /^nobody approved it until /)
  assert.deepEqual(states(expired), ['0 web skipped'])
  assert.equal(world.stepJobs.length, 0)
})

test('who started a run cannot be the second pair of eyes that it asks for, but may refuse it', async () => {
  await using world = await World.open()
  const run = await begin(world, ['one'], { approval: { by: ['ann', 'bob'], within: 60, other: true } })
  const consent = (approve: boolean) =>
    world.bus.ask('tasker.consent', { repo: REPO, run: run.id, by: 'ann', approve })
  await assert.rejects(consent(true), /ann may not approve a run that he started/)
  assert.equal((await consent(false)).state, 'cancelled')
})

test('a run that waits for approval holds no node', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [{ ...aTask('t', ['one']), approval }, aTask('u', ['other'])]))
  await start(world)
  const other = await world.bus.ask('tasker.start_run', { repo: REPO, task: 'u', by: 'ann' })
  await world.finish(await world.stepJob(1))
  assert.equal((await ended(world, other)).state, 'succeeded')
})

test('concurrency: skip does not begin beside another run; replace ends the others', async () => {
  await using world = await World.open()
  world.stops = () => true
  const first = await begin(world, ['one'], { concurrency: 'skip' })
  await world.stepJob(1)
  const second = await start(world)
  assert.equal(second.state, 'superseded')
  assert.equal(second.error, `run ${first.id} of this task goes on still (concurrency: skip)`)
  world.tips.set(REPO, tip(2, ['web'], [{ ...aTask('t', ['one']), concurrency: 'replace' }]))
  const third = await start(world)
  const replaced = await ended(world, first)
  assert.deepEqual(
    [replaced.state, replaced.error],
    ['cancelled', 'cancelled by a newer run (ann); stopped in the middle: step 1 "one" on web'],
  )
  await world.finish(await world.stepJob(2))
  assert.equal((await ended(world, third)).state, 'succeeded')
})

test('a retry takes the whole run again, with the same values, although the task has changed since', async () => {
  await using world = await World.open()
  const run = await begin(world, [{ run: 'echo {{ vars.x }}', vars: { x: 1 } }])
  await world.finish(await world.stepJob(1), 'failure')
  await ended(world, run)
  world.tips.set(REPO, tip(2, ['web'], [aTask('t', ['something else'])]))
  const again = await world.bus.ask('tasker.retry_run', { repo: REPO, run: run.id, by: 'bob', failed: false })
  assert.deepEqual(again.cause, { kind: 'retry', by: 'bob', detail: run.id, depth: 0 })
  const job = await world.stepJob(2)
  assert.equal(job.script, 'echo 1')
  await world.finish(job)
  assert.equal((await ended(world, again)).state, 'succeeded')
})

test('a retry of what failed takes the failed nodes from the step that failed, with what went before', async () => {
  await using world = await World.open()
  const steps = [{ id: 'build', run: 'make' }, { run: 'ship {{ steps.build.stdout }}' }]
  const run = await begin(world, steps, { targets: ['a', 'b'] })
  for (const n of [1, 2]) {
    const job = await world.stepJob(n)
    await world.finish(job, 'success', `built on ${job.node}`)
  }
  for (const n of [3, 4]) {
    const job = await world.stepJob(n)
    await world.finish(job, job.node === 'b' ? 'failure' : 'success')
  }
  await ended(world, run)
  const again = await world.bus.ask('tasker.retry_run', { repo: REPO, run: run.id, by: 'ann', failed: true })
  assert.deepEqual(again.nodes, ['b'])
  const job = await world.stepJob(5)
  assert.deepEqual([job.step, job.node, job.script], [1, 'b', "ship 'built on b'"])
  await world.finish(job)
  const done = await ended(world, again)
  assert.equal(done.state, 'succeeded')
  assert.equal(world.stepJobs.length, 5)
  const nothing = world.bus.ask('tasker.retry_run', { repo: REPO, run: again.id, by: 'ann', failed: true })
  await assert.rejects(nothing, /Nothing of run .* failed/)
})

test('what may follow a state of a step is a table: ended ones stay, and only what runs or waits moves', () => {
  assert.deepEqual(
    Object.entries(stepFollows).flatMap(([from, states]) => states.map((to) => `${from} -> ${to}`)),
    [
      ...['pending -> running', 'pending -> success', 'pending -> failure', 'pending -> skipped'],
      ...[
        'running -> success',
        'running -> failure',
        'running -> unknown',
        'running -> stopped',
        'running -> pending',
      ],
    ],
  )
})
