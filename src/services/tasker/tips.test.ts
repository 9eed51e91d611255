import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import { until } from '#testing/until.ts'
import { aNode, aTask, commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const web = (n: number) => aNode('web', { nginx: { n } })

/** Git answers the next question for a tip when the test lets it; the answer is that of the moment of the question. */
function holdNextTip(world: World) {
  const asked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  world.onTip = async () => {
    world.onTip = async () => {}
    asked.resolve()
    await answered.promise
  }
  return { asked: asked.promise, answer: () => answered.resolve() }
}

async function atFirst(): Promise<World> {
  const world = await World.open()
  await world.push(tip(1, [web(1)], [aTask('t', ['one'])]))
  await world.settleNodes()
  return world
}

/** The second commit is pushed and applied while something has read the first and not had its turn. */
async function pushSecond(world: World): Promise<void> {
  await world.push(tip(2, [web(2)], [aTask('t', ['two'])]))
  const job = await world.nodeJob(1)
  assert.equal(job.commit, commitId(2))
  await world.succeed(job)
  await until(async () => (await world.status('web'))?.commit === commitId(2))
}

test('a sync by hand that read the tip before a push does not bring the former commit back', async () => {
  await using world = await atFirst()
  const held = holdNextTip(world)
  const asked = world.bus.ask('tasker.sync', { repo: REPO, by: 'bob' })
  await held.asked
  await pushSecond(world)
  held.answer()
  const [work] = await asked
  assert.equal(work?.commit, commitId(2))
  assert.equal((await world.nodeJob(2)).commit, commitId(2))
})

for (const [what, publish] of Object.entries({
  'a changed value': (world: World) =>
    world.bus.publish('var.changed', {
      subject: REPO,
      data: { repo: REPO, address: 'vars.a', nodes: ['web'], by: 'ann', work: null },
    }),
  'a changed key': (world: World) =>
    world.bus.publish('profile.changed', { subject: 'bob', data: { user: 'bob', what: 'keys' } }),
  'another collaborator': (world: World) =>
    world.bus.publish('collaborator.changed', {
      subject: REPO,
      data: { repo: REPO, user: 'bob', role: null },
    }),
}))
  test(`${what} that was heard of before a push syncs the commit of the push`, async () => {
    await using world = await atFirst()
    const held = holdNextTip(world)
    await publish(world)
    await held.asked
    await pushSecond(world)
    held.answer()
    await until(async () => (await world.works(['waiting'])).length === 1)
    await world.clock.advance(2000)
    assert.equal((await world.nodeJob(2)).commit, commitId(2))
  })

test('a plan whose commit is overtaken while the servers are looked at is refused', async () => {
  await using world = await atFirst()
  world.plans = [{ node: 'web', verdict: 'change', digest: 'd', as_of: 1, changes: [] }]
  const { id } = await world.bus.ask('tasker.make_plan', { repo: REPO, by: 'ann' })
  const held = holdNextTip(world)
  const asked = world.bus.ask('tasker.sync_plan', { repo: REPO, plan: id, by: 'ann' })
  const refused = assert.rejects(asked, { code: 'plan_moved', message: /to follow 000000 now/ })
  await held.asked
  await pushSecond(world)
  held.answer()
  await refused
  assert.equal((await world.works(['waiting', 'running'])).length, 0)
})

test('a run that was asked for before a push does what the push says', async () => {
  await using world = await atFirst()
  const held = holdNextTip(world)
  const asked = world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  await held.asked
  await pushSecond(world)
  held.answer()
  const run = await asked
  assert.equal(run.commit, commitId(2))
  assert.equal(run.steps[0]?.name, 'two')
})

test('drift is healed by the tip, though the node was last synced with an older commit', async () => {
  await using world = await atFirst()
  const settings = { drift_interval: 60, heal: true }
  await world.bus.publish('repo.settings_changed', {
    subject: REPO,
    data: { repo: REPO, settings: { ...defaultSettings(), ...settings }, by: 'ann' },
  })
  // Nothing of the node changes by it, so no sync comes of it.
  await world.push(tip(2, [web(1), 'db']))
  await world.succeed(await world.nodeJob(1))
  await until(async () => (await world.works(['waiting', 'running'])).length === 0)
  world.drift = [{ resource: 'file:/etc/motd', attribute: 'mode', before: '644', after: '600' }]
  await until(async () => {
    await world.clock.advance(30_000)
    return world.nodeJobs.length > 1
  })
  assert.equal((await world.nodeJob(2)).commit, commitId(2))
})

test('what is told of a user and opens no node syncs none', async () => {
  await using world = await atFirst()
  // Heard in this order. Were the first a reason, the sync would be told to come from it.
  await world.bus.publish('profile.changed', { subject: 'them', data: { user: 'carl', what: 'about' } })
  await world.bus.publish('profile.changed', { subject: 'them', data: { user: 'bob', what: 'keys' } })
  const [waiting] = await until(async () => {
    const works = await world.works(['waiting'])
    return works.length === 1 ? works : undefined
  })
  assert.equal(waiting?.cause.detail, 'bob')
})
