import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import { until } from '#testing/until.ts'
import { MAX_DEPTH } from './runs/create.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const HOUR = 3_600_000

/** Ends every step and sync as it comes, and lets time pass, until a run is cut; returns it. */
async function untilCut(world: World, round: () => Promise<void> = async () => {}) {
  let [syncs, steps] = [0, 0]
  const cut = await until(async () => {
    for (; syncs < world.nodeJobs.length; syncs++) {
      const job = world.nodeJobs[syncs]
      if (job) await world.succeed(job, 'update')
    }
    for (; steps < world.stepJobs.length; steps++) {
      const job = world.stepJobs[steps]
      if (job) await world.finish(job)
    }
    await round()
    return (await world.runs()).find(({ state }) => state === 'failed')
  })
  assert.match(cut.error ?? '', /^runs started by events are cut after 8 in a row/)
  assert.equal(cut.cause.depth, MAX_DEPTH + 1)
  return cut
}

const twoSeconds = (world: World) => () => world.clock.advance(2_000)

test('a run that sets a value whose sync starts the run again is cut', async () => {
  await using world = await World.open()
  world.users = ['web']
  const task = aTask('t', ['devops var set colour "{{ run.id }}"'], {
    events: ['node.web.update.success'],
    targets: ['web'],
  })
  await world.push(tip(1, ['web'], [task]))
  await untilCut(world, twoSeconds(world))
  const causes = (await world.works()).map(({ kind, cause }) => `${kind} ${cause.kind} ${cause.depth}`)
  assert.equal(causes[0], 'run event 9')
  assert.equal(causes[1], 'sync variable 8')
})

test('a sync that waits and serves a value of a run as well stands as deep as the run', async () => {
  await using world = await World.open()
  world.users = ['web']
  const task = aTask('t', ['devops var set colour "{{ run.id }}"'], {
    events: ['node.web.update.success'],
    targets: ['web'],
  })
  await world.push(tip(1, ['web'], [task]))
  // Somebody sets another value each time before the run does: their sync is the one that waits.
  await untilCut(world, async () => {
    const data = { repo: REPO, address: 'vars.other', nodes: ['web'], by: 'bob', work: null }
    if ((await world.works(['waiting'])).length === 0 && (await world.runs()).length < 12)
      await world.bus.publish('var.changed', { subject: REPO, data })
    await world.clock.advance(500)
  })
})

const drift = (n: number) => ({ resource: 'file:/etc/motd', attribute: 'sha256', before: 'a', after: `${n}` })

async function settings(world: World, change: object): Promise<void> {
  const data = { repo: REPO, settings: { ...defaultSettings(), ...change }, by: 'ann' }
  await world.bus.publish('repo.settings_changed', { subject: REPO, data })
  await until(
    async () => (await world.store.db.selectFrom('tasker_watches').selectAll().execute()).length > 0,
  )
}

/** Each run spoils what the sync made. */
function spoil(world: World): void {
  world.drift = []
  world.onStepJob = () => {
    world.drift = [drift(world.stepJobs.length)]
  }
  world.onNodeJob = () => {
    world.drift = []
  }
}

test('a run after each sync that spoils its node, which heals itself, is cut', async () => {
  await using world = await World.open()
  await settings(world, { heal: true })
  spoil(world)
  const task = aTask('t', ['date >>/etc/motd'], { events: ['node.web.update.success'] })
  await world.push(tip(1, ['web'], [task]))
  await untilCut(world, () => world.clock.advance(HOUR / 4))
})

test('a run for each drift that makes another drift is cut, also when nothing heals', async () => {
  await using world = await World.open()
  const task = aTask('t', ['date >>/etc/motd'], { events: ['node.web.drift'] })
  await world.push(tip(1, ['web'], [task]))
  await world.settleNodes()
  spoil(world)
  world.drift = [drift(-1)]
  await untilCut(world, () => world.clock.advance(HOUR / 4))
})

test('a drift that comes after a look found none begins a chain of its own', async () => {
  await using world = await World.open()
  await settings(world, { heal: true })
  const task = aTask('t', ['true'], { events: ['node.web.update.success'] })
  await world.push(tip(1, ['web'], [task]))
  let [syncs, steps] = [0, 0]
  const work = async () => {
    for (; syncs < world.nodeJobs.length; syncs++) {
      world.drift = []
      const job = world.nodeJobs[syncs]
      if (job) await world.succeed(job, 'update')
    }
    for (; steps < world.stepJobs.length; steps++) {
      const job = world.stepJobs[steps]
      if (job) await world.finish(job)
    }
  }
  for (let day = 1; day <= 3; day++) {
    await until(async () => {
      await work()
      const runs = await world.runs()
      return runs.length === day && runs.every(({ state }) => state === 'succeeded')
    })
    for (let looks = world.looks; looks + 2 > world.looks; ) await world.clock.advance(HOUR)
    world.drift = [drift(day)]
    for (const looks = world.looks; looks === world.looks; ) await world.clock.advance(HOUR)
  }
  assert.deepEqual(new Set((await world.runs()).map(({ cause }) => cause.depth)), new Set([1]))
})

test('a run for each start of a node that restarts it is cut', async () => {
  await using world = await World.open()
  const task = aTask('t', ['reboot'], { events: ['node.web.up'] })
  await world.push(tip(1, ['web'], [task]))
  await world.settleNodes()
  const data = { repo: REPO, node: 'web', reason: null }
  const up = () => world.bus.publish('node.*.up', { name: 'web', subject: `${REPO}/web`, data })
  let runs = 0
  await up()
  await untilCut(world, async () => {
    const all = await world.runs()
    if (all.length > runs && all.every(({ state }) => state === 'succeeded')) {
      runs = all.length
      await up()
    }
    await world.clock.advance(1_000)
  })
})
