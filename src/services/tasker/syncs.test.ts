import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#testing/until.ts'
import { MAX_FAILURES, pauseAfter } from './outcomes.ts'
import { SWEEP } from './sweep.ts'
import { aNode, commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const web = (n: number) => aNode('web', { nginx: { n } })
const SECONDS = 1000

test('a push that changes nothing of a node leaves it alone', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  await world.push(tip(2, [web(2), 'db']))
  const job = await world.nodeJob(1)
  assert.equal(job.node, 'web')
  await world.succeed(job)
  await until(async () => (await world.status('web'))?.commit === commitId(2))
  assert.equal((await world.works()).length, 3)
  assert.equal((await world.status('db'))?.commit, commitId(1))
})

test('while a sync runs, one more waits at most, and it is for the newest commit', async () => {
  await using world = await World.open()
  await world.push(tip(1, [web(1)]))
  const first = await world.nodeJob(1)
  for (const n of [2, 3]) await world.push(tip(n, [web(n)]))
  const waiting = await until(async () => {
    const works = await world.works(['waiting'])
    return works.length === 1 && works[0]?.commit === commitId(3) ? works[0] : undefined
  })
  assert.match(waiting.waits_for ?? '', /^waits for node web: sync of 000000, \d+ s$/)
  await world.succeed(first)
  assert.equal((await world.nodeJob(2)).commit, commitId(3))
})

test('a node that left the repository is destroyed, and one that came back in time is not', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  await world.push(tip(2, ['web']))
  const job = await world.nodeJob(1)
  assert.deepEqual([job.node, job.goal], ['db', 'destroy'])
  assert.equal((await world.status('db'))?.status, 'destroying')
  await world.succeed(job)
  await until(async () => (await world.status('db')) === undefined)

  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'ann' })
  const running = await world.nodeJob(2)
  await world.push(tip(3, []))
  await until(async () => (await world.works(['waiting'])).some(({ kind }) => kind === 'destroy'))
  await world.push(tip(4, ['web']))
  await until(async () => (await world.works(['waiting'])).every(({ kind }) => kind === 'sync'))
  await world.succeed(running)
  assert.equal((await world.nodeJob(3)).goal, 'converge')
})

test('the deletion of the branch destroys nothing', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  const data = { repo: REPO, branch: 'main', before: commitId(1), after: null, by: 'ann' }
  await world.bus.publish('repo.pushed', { subject: REPO, data })
  await world.push(tip(2, [web(2)]))
  assert.equal((await world.nodeJob(1)).goal, 'converge')
  assert.equal((await world.works()).length, 2)
})

for (const late of ['a success', 'a failure for good'])
  test(`${late} of an earlier attempt that is told too late changes nothing of the one that runs`, async () => {
    await using world = await World.open()
    await world.push(tip(1, ['web']))
    const first = await world.nodeJob(1)
    await world.fail(first)
    await until(async () => (await world.works(['waiting']))[0]?.waits_for)
    await world.clock.advance(pauseAfter(1))
    const second = await world.nodeJob(2)
    assert.equal(second.attempt, 2)
    if (late === 'a success') await world.succeed(first)
    else await world.fail(first, { message: 'too late', retry: false })
    await world.fail(second, { message: 'it broke again' })
    const work = await until(async () => (await world.works(['waiting', 'failed', 'succeeded']))[0])
    assert.match(work.waits_for ?? '', /^next attempt 3 in .*: it broke again$/)
    await world.clock.advance(pauseAfter(2))
    await world.succeed(await world.nodeJob(3))
    await until(async () => (await world.status('web'))?.commit === commitId(1))
  })

test('a failed sync is tried again after growing pauses, until it is out of sync; a push starts a new series', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  for (let failures = 1; failures < MAX_FAILURES; failures++) {
    const job = await world.nodeJob(failures)
    assert.equal(job.attempt, failures)
    await world.fail(job)
    const work = await until(async () => (await world.works(['waiting']))[0])
    assert.match(work.waits_for ?? '', new RegExp(`^next attempt ${failures + 1} in .*: it broke$`))
    await world.clock.advance(pauseAfter(failures))
  }
  await world.fail(await world.nodeJob(MAX_FAILURES))
  const status = await until(async () => {
    const status = await world.status('web')
    return status?.status === 'out of sync' ? status : undefined
  })
  assert.equal(status.error, 'out of sync after 8 failures: it broke')

  await world.push(tip(2, ['web']))
  const job = await world.nodeJob(MAX_FAILURES + 1)
  assert.equal(job.attempt, 1)
})

test('an error that trying again cannot help ends the work at once', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.fail(await world.nodeJob(1), { retry: false, message: 'no such size' })
  await until(async () => (await world.status('web'))?.error === 'no such size')
})

test('what an older attempt says is too late', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  const first = await world.nodeJob(1)
  await world.fail(first)
  await until(async () => (await world.works(['waiting']))[0])
  await world.clock.advance(5 * SECONDS)
  const second = await world.nodeJob(2)
  await world.succeed(first)
  await world.fail(first)
  await world.succeed(second)
  await until(async () => (await world.status('web'))?.status === 'synced')
  assert.equal((await world.works())[0]?.attempt, 2)
})

test('a node whose values depend on another is tried again as soon as the other has them', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['db', 'web']))
  const [db, web] = [await world.nodeJob(1), await world.nodeJob(2)]
  await world.wait(web, 'unresolved', 'db.ip is not known yet')
  const waiting = await until(async () => (await world.works(['waiting']))[0])
  assert.equal(waiting.waits_for, 'waits for another node: db.ip is not known yet')
  await world.succeed(db)
  const again = await world.nodeJob(3)
  assert.deepEqual([again.node, again.attempt], ['web', 2])
})

test('a sync by hand starts a new series for a node that waits for its retry, and never a second that runs', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.fail(await world.nodeJob(1))
  await until(async () => (await world.works(['waiting']))[0])
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'bob' })
  const job = await world.nodeJob(2)
  assert.equal(job.attempt, 1)
  await world.bus.ask('tasker.sync', { repo: REPO, by: 'bob' })
  await world.bus.ask('tasker.sync', { repo: REPO, by: 'bob' })
  assert.deepEqual(
    (await world.works(['waiting', 'running'])).map(({ state }) => state),
    ['waiting', 'running'],
  )
  await assert.rejects(
    world.bus.ask('tasker.sync', { repo: REPO, node: 'wep', by: 'bob' }),
    /There is no node wep in ann\/site, did you mean web\?/,
  )
})

test('values that change at the same time make one sync, of the nodes that use them', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  for (const address of ['vars.a', 'vars.b']) {
    const data = { repo: REPO, address, nodes: ['web'], by: 'ann', work: null }
    await world.bus.publish('var.changed', { subject: REPO, data })
  }
  const [waiting] = await until(async () => {
    const works = await world.works(['waiting'])
    return works.length > 0 ? works : undefined
  })
  assert.deepEqual(waiting?.cause, { kind: 'variable', by: 'ann', detail: 'vars.a', depth: 0 })
  await world.clock.advance(2 * SECONDS)
  await world.succeed(await world.nodeJob(1))
  await until(async () => (await world.works(['waiting', 'running'])).length === 0)
  assert.equal((await world.works()).length, 3)
})

test('who may enter changes every node, behind a sync that runs already', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  const running = await world.nodeJob(1)
  await world.bus.publish('profile.changed', { subject: 'bob', data: { user: 'bob', what: 'tokens' } })
  await world.bus.publish('profile.changed', { subject: 'bob', data: { user: 'bob', what: 'keys' } })
  const data = { repo: REPO, user: 'bob', role: null }
  await world.bus.publish('collaborator.changed', { subject: REPO, data })
  await until(async () => (await world.works(['waiting'])).length === 1)
  await world.succeed(running)
  await world.clock.advance(2 * SECONDS)
  await world.succeed(await world.nodeJob(2))
  await until(async () => (await world.works(['waiting', 'running'])).length === 0)
  assert.equal((await world.works()).length, 2)
})

test('a sync that waits can be cancelled, one that runs cannot', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  const { work } = await world.nodeJob(1)
  await assert.rejects(
    world.bus.ask('tasker.cancel', { repo: REPO, work, by: 'ann' }),
    /The sync of 000000 on web is running and cannot be cut/,
  )
  const [queued] = await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  assert.ok(queued)
  const cancelled = await world.bus.ask('tasker.cancel', { repo: REPO, work: queued.id, by: 'ann' })
  assert.deepEqual([cancelled.state, cancelled.error], ['cancelled', 'cancelled by ann'])
  await assert.rejects(
    world.bus.ask('tasker.cancel', { repo: REPO, work: queued.id, by: 'ann' }),
    /has ended already: cancelled/,
  )
})

test('not more works run at the same time than may', async () => {
  await using world = await World.open({ limit: 1 })
  await world.push(tip(1, ['db', 'web']))
  const first = await world.nodeJob(1)
  const [waiting] = await world.works(['waiting'])
  assert.equal(waiting?.waits_for, 'waits for a place: 1 work goes on, as many as may on this platform')
  await world.succeed(first)
  assert.notEqual((await world.nodeJob(2)).node, first.node)
})

test('a locked node gets no work, and the store itself refuses a second lock', async () => {
  await using world = await World.open()
  const lock = { repo: REPO, node: 'web', work: 'other' }
  await world.store.db.insertInto('tasker_locks').values(lock).execute()
  await assert.rejects(
    world.store.db
      .insertInto('tasker_locks')
      .values({ ...lock, work: 'third' })
      .execute(),
  )
  await world.push(tip(1, ['web']))
  await until(async () => (await world.works(['waiting'])).length === 1)
  await world.clock.advance(1 * SECONDS)
  assert.equal(world.nodeJobs.length, 0)
  await world.store.db.deleteFrom('tasker_locks').execute()
  await world.clock.advance(SWEEP)
  await world.nodeJob(1)
})

test('a node that waits to be linked, or for a value, waits: it has not failed, however often it is tried', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['db', 'web']))
  const [db, web] = [await world.nodeJob(1), await world.nodeJob(2)]
  const sentence = 'db waits to be linked: devops link db'
  await world.wait(db, 'unlinked', sentence)
  let job = web
  for (let n = 3; n < 3 + MAX_FAILURES + 1; n++) {
    await world.wait(job, 'unresolved', 'db has no address yet')
    await until(async () => (await world.works(['waiting'])).length === 2)
    await world.clock.advance(pauseAfter(n))
    job = await world.nodeJob(n)
  }
  await world.wait(job, 'unresolved', 'db has no address yet')
  await until(async () => (await world.works(['waiting'])).length === 2)
  const told = await Promise.all(['db', 'web'].map((node) => world.status(node)))
  assert.deepEqual(
    told.map((status) => [status?.status, status?.error, status?.waits_for]),
    [
      ['waiting', null, sentence],
      ['waiting', null, 'waits for another node: db has no address yet'],
    ],
  )
  assert.deepEqual(
    world.lines.filter(({ level }) => level !== 'info'),
    [],
  )
  assert.equal(world.lines.filter(({ text }) => text.includes('waits: db has no address yet')).length, 1)
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'db', by: 'ann' })
  assert.deepEqual([(await world.nodeJob(12)).node, (await world.nodeJob(12)).attempt], ['db', 1])
})

test('a sync that a former version announced as failed, because it waited, waits', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.fail(await world.nodeJob(1), { code: 'unresolved', message: 'db has no address yet' })
  const waiting = await until(async () => (await world.works(['waiting']))[0])
  assert.equal(waiting.waits_for, 'waits for another node: db has no address yet')
})
