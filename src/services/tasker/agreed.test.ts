import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#testing/until.ts'
import { aNode, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const agreed = (destroy: string[], replace: string[] = []) => ({ destroy, replace })
const web = (n: number) => aNode('web', { nginx: { n } })
const unagreed = { code: 'unagreed', message: 'nobody agreed', retry: false }

test('a destroy carries whether the push agreed to it, one of all nodes too', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db', 'app']))
  await world.settleNodes()
  await world.push(tip(2, ['db', 'app']), 'ann', agreed(['web']))
  const job = await world.nodeJob(1)
  assert.deepEqual([job.node, job.goal, job.agreed], ['web', 'destroy', true])
  await world.push(tip(3, ['app']))
  assert.deepEqual([(await world.nodeJob(2)).node, (await world.nodeJob(2)).agreed], ['db', false])
  await world.push(tip(4, []), 'ann', agreed(['all']))
  assert.deepEqual([(await world.nodeJob(3)).node, (await world.nodeJob(3)).agreed], ['app', true])
})

test('a destroy that nobody agreed to is not tried again by the next push, and by one that agrees it is', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  await world.push(tip(2, ['db']))
  await world.fail(await world.nodeJob(1), unagreed)
  await until(async () => (await world.status('web'))?.status === 'out of sync')
  await world.push(tip(3, [aNode('db', { redis: {} })]))
  assert.equal((await world.nodeJob(2)).node, 'db')
  await world.push(tip(4, [aNode('db', { redis: {} })]), 'ann', agreed(['web']))
  const job = await world.nodeJob(3)
  assert.deepEqual([job.node, job.goal, job.agreed], ['web', 'destroy', true])
})

test('agreement to a replacement holds for retries and syncs by hand of the same descriptor, and of no other', async () => {
  await using world = await World.open()
  await world.push(tip(1, [web(1)]))
  await world.settleNodes()
  await world.push(tip(2, [web(2)]), 'ann', agreed([], ['web']))
  const first = await world.nodeJob(1)
  assert.equal(first.agreed, true)
  await world.fail(first)
  await until(async () => (await world.works(['waiting'])).length === 1)
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'bob' })
  const second = await world.nodeJob(2)
  assert.equal(second.agreed, true)
  await world.push(tip(3, [web(3)]))
  await until(async () => (await world.works(['waiting'])).length === 1)
  await world.fail(second)
  assert.equal((await world.nodeJob(3)).agreed, false)
})

test('what was agreed to and done is agreed to no longer', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']), 'ann', agreed([], ['web']))
  const job = await world.nodeJob(1)
  assert.equal(job.agreed, true)
  await world.succeed(job)
  await until(async () => (await world.status('web'))?.status === 'synced')
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'bob' })
  assert.equal((await world.nodeJob(2)).agreed, false)
})

test('a push that agrees is heard also when a sync of its commit runs already', async () => {
  await using world = await World.open()
  await world.push(tip(1, [web(1)]))
  await world.settleNodes()
  // Somebody syncs by hand after the branch has moved and before its event comes.
  world.tips.set(REPO, tip(2, [web(2)]))
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'bob' })
  const early = await world.nodeJob(1)
  assert.equal(early.agreed, false)
  await world.push(tip(2, [web(2)]), 'ann', agreed([], ['web']))
  await until(async () => (await world.works(['waiting'])).length === 1)
  await world.fail(early, unagreed)
  assert.equal((await world.nodeJob(2)).agreed, true)
})

test('a server that the registry has and no work knows of is destroyed by a push without its node', async () => {
  await using world = await World.open()
  world.servers = ['lost', 'web']
  await world.push(tip(1, ['web']), 'ann', agreed(['lost']))
  await until(() => world.nodeJobs.length === 2)
  const job = world.nodeJobs.find(({ node }) => node === 'lost')
  assert.deepEqual([job?.goal, job?.agreed], ['destroy', true])
})

test('while the registry does not say which servers there are, a push waits, and nothing is destroyed', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  world.deaf = true
  await world.push(tip(2, ['db']), 'ann', agreed(['web']))
  await world.clock.advance(500)
  assert.equal((await world.works(['waiting', 'running'])).length, 0)
  world.deaf = false
  await until(async () => {
    await world.clock.advance(1000)
    return world.nodeJobs.length === 1
  })
  assert.equal((await world.nodeJob(1)).goal, 'destroy')
})

test('unlinking and a plan that shows the replacement are agreement by themselves', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  world.plans = [{ node: 'web', verdict: 'replace', digest: 'd', as_of: 1, changes: [] }]
  const { id } = await world.bus.ask('tasker.make_plan', { repo: REPO, by: 'ann' })
  await world.bus.ask('tasker.sync_plan', { repo: REPO, plan: id, by: 'ann' })
  assert.equal((await world.nodeJob(1)).agreed, true)
})
