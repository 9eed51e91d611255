import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Task } from '#contracts/descriptors.ts'
import { until } from '#testing/until.ts'
import { aTask, commitId, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'
import { boundTask } from './consent.ts'

const BOUND = { approval_required: ['deploy'] }
const triggers = { webhooks: [{ path: 'hook' }], crons: ['0 5 * * *'], events: ['node.web.up'] }
/** The descriptor says nothing of an approval: who may push has taken it out. */
const deploy = aTask('deploy', ['one'], triggers)

const receive = (world: World) =>
  world.bus.ask('tasker.receive_webhook', {
    repo: REPO,
    path: 'hook',
    headers: { 'content-type': 'application/json' },
    query: {},
    body: Buffer.from('{}').toString('base64'),
    from: '127.0.0.1',
  })

const latest = (world: World, kind: string) =>
  until(async () => (await world.runs()).find(({ cause }) => cause.kind === kind))

/** Each way in which a run can come to be. */
const ways: Record<string, (world: World) => Promise<string>> = {
  'a person': async ({ bus }) =>
    (await bus.ask('tasker.start_run', { repo: REPO, task: 'deploy', by: 'ann' })).id,
  'a person with --var': async ({ bus }) =>
    (await bus.ask('tasker.start_run', { repo: REPO, task: 'deploy', by: 'ann', vars: { approval: false } }))
      .id,
  'a webhook': async (world) => (await receive(world)).run,
  'a redelivery': async (world) => {
    const { delivery } = await receive(world)
    return (await world.bus.ask('tasker.redeliver', { repo: REPO, delivery, by: 'ann' })).run ?? ''
  },
  'an event': async (world) => {
    const data = { repo: REPO, node: 'web', reason: null }
    await world.bus.publish('node.*.up', { name: 'web', subject: `${REPO}/web`, data })
    return (await latest(world, 'event')).id
  },
  'a cron': async (world) => {
    await world.clock.advance(86_400_000)
    return (await latest(world, 'cron')).id
  },
  'a retry of a run that needed none': async (world) => {
    const bound = world.tips.get(REPO)
    world.tips.set(REPO, tip(1, ['web'], [deploy]))
    const { id } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 'deploy', by: 'ann' })
    await world.bus.ask('tasker.cancel', { repo: REPO, work: id, by: 'ann' })
    await until(async () => (await world.run(id)).ended_at)
    if (bound) world.tips.set(REPO, bound)
    return (await world.bus.ask('tasker.retry_run', { repo: REPO, run: id, by: 'ann', failed: false })).id
  },
}

for (const [way, begin] of Object.entries(ways))
  test(`security 42: a task that approval_required names waits for an admin when ${way} starts it, whatever its descriptor says`, async () => {
    await using world = await World.open()
    await world.push(tip(1, ['web'], [deploy], BOUND))
    await world.settleNodes()
    const run = await world.run(await begin(world))
    assert.deepEqual([run.state, run.consent?.by, run.consent?.given], ['waiting', 'admin', null])
    assert.match(run.waits_for ?? '', /^waits for approval by an admin, until /)
    assert.ok(world.stepJobs.every(({ run: of }) => of !== run.id))
  })

const needs = (approval: Task['approval'], required: string[] = ['deploy']) =>
  boundTask({ ...aTask('deploy', ['one']), ...(approval && { approval }) }, required).approval

test('security 42: a descriptor cannot name its author as the one who approves, and can ask for more', () => {
  const mine = { by: ['mallory'], within: 60, other: false }
  assert.deepEqual(needs(mine), { by: 'admin', within: 60, other: false })
  assert.deepEqual(needs({ ...mine, by: 'write' }), { by: 'admin', within: 60, other: false })
  assert.deepEqual(needs({ ...mine, by: 'owner', other: true }), { by: 'owner', within: 60, other: true })
})

test('security 42: a pattern binds the tasks that it fits as a whole, and no other', () => {
  const bound = (...required: string[]) => needs(undefined, required) !== undefined
  for (const pattern of ['deploy', '*', 'dep*', '*ploy', 'd*y']) assert.ok(bound(pattern), pattern)
  for (const pattern of ['deplo', 'eploy', 'd.ploy', 'x*', 'Deploy']) assert.ok(!bound(pattern), pattern)
  assert.ok(bound('other', 'deploy'))
  assert.ok(!bound())
})

test('security 42: an approval that a descriptor asks for today binds the retry of a run that was made without it', async () => {
  await using world = await World.open()
  world.tips.set(REPO, tip(1, ['web'], [deploy]))
  const { id } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 'deploy', by: 'ann' })
  await world.bus.ask('tasker.cancel', { repo: REPO, work: id, by: 'ann' })
  await until(async () => (await world.run(id)).ended_at)
  const approval = { by: 'owner', within: 60, other: false } as const
  world.tips.set(REPO, { ...tip(2, ['web'], [{ ...deploy, approval }]), commit: commitId(2) })
  const again = await world.bus.ask('tasker.retry_run', { repo: REPO, run: id, by: 'ann', failed: false })
  assert.equal((await world.run(again.id)).consent?.by, 'owner')
})
