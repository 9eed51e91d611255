import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import { until } from '#testing/until.ts'
import { latestSlot } from './slots.ts'
import { commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const HOUR = 3_600_000
const mode = (after: string) => ({ resource: 'file:/etc/motd', attribute: 'mode', before: '644', after })

async function synced(): Promise<World> {
  const world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  return world
}

const drifts = (world: World) => world.events.filter(({ pattern }) => pattern === 'node.*.drift')

/** Until the next turn of every node has come and the look is over. */
async function passTurn(world: World, interval = HOUR): Promise<void> {
  const before = world.looks
  await world.clock.advance(interval)
  await until(() => world.looks > before)
}

const set = async (world: World, change: object) => {
  const settings = { ...defaultSettings(), ...change }
  await world.bus.publish('repo.settings_changed', {
    subject: REPO,
    data: { repo: REPO, settings, by: 'ann' },
  })
  await until(
    async () => (await world.store.db.selectFrom('tasker_watches').selectAll().execute()).length > 0,
  )
}

test('a drift is announced once, however often it is seen, and again when it is another', async () => {
  await using world = await synced()
  world.drift = [mode('600')]
  await passTurn(world)
  const first = await until(() => drifts(world)[0])
  assert.equal(first.type, 'node.web.drift')
  assert.deepEqual(first.data, {
    repo: REPO,
    node: 'web',
    commit: commitId(1),
    fields: [mode('600')],
    heals: false,
    work: null,
  })
  await passTurn(world)
  world.drift = [mode('777')]
  await passTurn(world)
  await until(() => drifts(world).length === 2)
  assert.ok(world.lines.some(({ text }) => text === 'web has drifted: file:/etc/motd mode 644 -> 777'))
})

test('a drifted node says so with its fields until it is put right, by hand or by a sync', async () => {
  await using world = await synced()
  world.drift = [mode('600')]
  await passTurn(world)
  await until(async () => (await world.status('web'))?.status === 'drifted')
  assert.deepEqual((await world.status('web'))?.drift?.fields, [mode('600')])
  world.drift = []
  await passTurn(world)
  await until(async () => (await world.status('web'))?.status === 'synced')
  world.drift = [mode('600')]
  await passTurn(world)
  await until(async () => (await world.status('web'))?.status === 'drifted')
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'ann' })
  await world.succeed(await world.nodeJob(1))
  await until(async () => (await world.status('web'))?.status === 'synced')
})

test('with heal, a sync with cause drift is queued; without it, none', async () => {
  await using world = await synced()
  world.drift = [mode('600')]
  await passTurn(world)
  await until(() => drifts(world).length === 1)
  assert.equal((await world.works()).length, 1)
  await set(world, { heal: true })
  await world.clock.advance(HOUR)
  const job = await world.nodeJob(1)
  assert.equal(job.commit, commitId(1))
  const [work] = await world.works(['running'])
  assert.deepEqual([work?.cause.kind, work?.cause.detail], ['drift', 'file:/etc/motd mode 644 -> 600'])
})

test('what a look found while something worked on the node is dropped', async () => {
  await using world = await synced()
  world.drift = [mode('600')]
  world.onLook = async () => {
    await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'ann' })
  }
  await passTurn(world)
  await world.succeed(await world.nodeJob(1))
  await until(async () => (await world.status('web'))?.status === 'synced')
  assert.equal(drifts(world).length, 0)
})

test('the interval is the repository’s, and 0 is never; both outlast a restart', async () => {
  await using world = await synced()
  await set(world, { drift_interval: 60 })
  await passTurn(world, 120_000)
  await set(world, { drift_interval: 0 })
  await until(async () => {
    const [row] = await world.store.db.selectFrom('tasker_watches').selectAll().execute()
    return row?.interval === 0
  })
  await world.restart()
  const before = world.looks
  await world.clock.advance(2 * HOUR)
  assert.equal(world.looks, before)
})

test('a node that is away is no drift, and is looked at in its next turn', async () => {
  await using world = await synced()
  world.drift = undefined
  await passTurn(world)
  world.drift = [mode('600')]
  await passTurn(world)
  await until(() => drifts(world).length === 1)
})

test('nodes have their turns spread over the interval, each always the same', () => {
  const now = Date.UTC(2026, 0, 1)
  const slots = Array.from({ length: 100 }, (_, n) => latestSlot('ann/site', `n${n}`, HOUR, now))
  assert.ok(slots.every((slot) => slot <= now && slot > now - HOUR))
  const quarters = new Set(slots.map((slot) => Math.floor((now - slot) / (HOUR / 4))))
  assert.equal(quarters.size, 4)
  assert.equal(latestSlot('ann/site', 'n1', HOUR, now + HOUR), (slots[1] ?? 0) + HOUR)
})
