import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodePlan } from '#contracts/shazam.ts'
import { HOLDS } from './plans.ts'
import { aNode, commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const looked = (node: string, digest: string, summary: string): NodePlan => ({
  node,
  verdict: 'change',
  digest,
  as_of: 1,
  changes: [{ resource: 'file:/etc/motd', verdict: 'change', summary }],
})
const still = (node: string): NodePlan => ({
  node,
  verdict: 'no change',
  digest: 'd0',
  as_of: 1,
  changes: [],
})

async function synced(): Promise<World> {
  const world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  await world.settleNodes()
  world.plans = [looked('web', 'd1', 'change /etc/motd'), still('db')]
  return world
}

const makePlan = (world: World) => world.bus.ask('tasker.make_plan', { repo: REPO, by: 'ann' })
const syncPlan = (world: World, plan: string) =>
  world.bus.ask('tasker.sync_plan', { repo: REPO, plan, by: 'ann' })

test('a sync by a plan is queued for what has something to do, and is held to what was seen', async () => {
  await using world = await synced()
  const plan = await makePlan(world)
  assert.equal(plan.commit, commitId(1))
  const works = await syncPlan(world, plan.id)
  assert.deepEqual(
    works.map(({ nodes }) => nodes),
    [['web']],
  )
  const job = await world.nodeJob(1)
  assert.deepEqual(job.promised, { plan: plan.id, verdict: 'change', digest: 'd1' })
})

test('the digest of a plan names what was seen, not when', async () => {
  await using world = await synced()
  const first = await makePlan(world)
  assert.equal((await makePlan(world)).digest, first.digest)
  world.plans = [looked('web', 'd2', 'change /etc/motd'), still('db')]
  assert.notEqual((await makePlan(world)).digest, first.digest)
})

test('a plan is refused when a server has moved, and what moved is said', async () => {
  await using world = await synced()
  const { id } = await makePlan(world)
  world.plans = [looked('web', 'd2', 'change /etc/motd; mode 600 -> 644'), still('db')]
  await assert.rejects(syncPlan(world, id), {
    code: 'plan_moved',
    message: `Plan ${id} does not hold any more: web: now also or otherwise: change /etc/motd; mode 600 -> 644`,
  })
  world.plans = [looked('web', 'd1', 'change /etc/motd'), looked('db', 'd3', 'change /etc/motd')]
  await assert.rejects(syncPlan(world, id), /db: now also or otherwise: change .etc.motd/)
  world.plans = [still('web'), still('db')]
  await assert.rejects(syncPlan(world, id), /web: file:.etc.motd is not concerned any more/)
  assert.equal((await world.works(['waiting', 'running'])).length, 0)
})

test('a plan is refused when the commit has moved, when it has expired, and in another repository', async () => {
  await using world = await synced()
  const { id } = await makePlan(world)
  await assert.rejects(
    world.bus.ask('tasker.sync_plan', { repo: 'ann/other', plan: id, by: 'ann' }),
    /There is no plan/,
  )
  await world.push(tip(2, [aNode('web', { nginx: { n: 2 } }), 'db']))
  await world.settleNodes()
  await assert.rejects(syncPlan(world, id), /to follow 000000 now, the plan is of 000000/)
  await world.clock.advance(HOLDS)
  await assert.rejects(syncPlan(world, id), /There is no plan/)
})

test('what could not be looked at cannot be done by a plan', async () => {
  await using world = await synced()
  world.plans = [{ node: 'web', verdict: 'unknown', reason: 'it is down', as_of: null, changes: [] }]
  const { id } = await makePlan(world)
  await assert.rejects(syncPlan(world, id), /web could not be looked at: it is down/)
})

test('a sync that is held to a plan takes no other sync with it', async () => {
  await using world = await synced()
  const { id } = await makePlan(world)
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'ann' })
  const running = await world.nodeJob(1)
  await syncPlan(world, id)
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'ann' })
  await world.succeed(running)
  assert.equal((await world.nodeJob(2)).promised, undefined)
})

test('a plan is not applied for somebody who loses the right while the servers are looked at', async () => {
  await using world = await synced()
  const { id } = await makePlan(world)
  // The API has asked already; the look takes up to two minutes.
  world.onTip = async () => void world.forbidden.add('ann node.sync')
  await assert.rejects(syncPlan(world, id), { code: 'forbidden' })
  assert.equal((await world.works(['waiting', 'running'])).length, 0)
})
