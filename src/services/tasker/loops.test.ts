import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import type { NodeJob } from '#contracts/shazam.ts'
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

for (const [what, depth] of [
  ['another value changes', 1],
  ['a person asks for a sync', 0],
] as const)
  test(`a sync of a chain that is tried again, in whose place another comes because ${what}, stands ${depth} deep`, async () => {
    await using world = await World.open()
    world.users = ['web']
    const task = aTask('t', ['devops var set colour blue'], { targets: ['web'], events: ['repo.pushed'] })
    await world.push(tip(1, ['web'], [task]))
    await world.succeed(await world.nodeJob(1))
    await until(async () => (await world.runs()).every(({ state }) => state === 'succeeded'))
    await world.clock.advance(2_000)
    await world.fail(await world.nodeJob(2))
    await until(async () => (await world.works(['waiting'])).length === 1)
    const data = { repo: REPO, address: 'vars.other', nodes: ['web'], by: 'bob', work: null }
    if (depth === 0) await world.bus.ask('tasker.sync', { repo: REPO, node: 'web', by: 'bob' })
    else await world.bus.publish('var.changed', { subject: REPO, data })
    await until(async () => (await world.works(['superseded'])).length === 1)
    const [latest, former] = (await world.works()).filter(({ kind }) => kind === 'sync')
    assert.deepEqual([former?.cause.depth, latest?.cause.depth], [1, depth])
  })

/** What the registry says when the sync of a job finds that values of its node have moved. */
const movedBy = (world: World, { node, work }: NodeJob, nodes: string[], fact = 'swap') =>
  world.bus.publish('var.changed', {
    subject: REPO,
    data: { repo: REPO, address: `${node}.facts.${fact}`, nodes, by: `node ${node}`, work },
  })

test('a run after each sync that changes a fact of its node, which the node itself uses, is cut', async () => {
  await using world = await World.open()
  const task = aTask('t', ['swapoff -a'], { events: ['node.web.update.success'] })
  await world.push(tip(1, ['web'], [task]))
  let [syncs, steps, changed] = [0, 0, true]
  await until(async () => {
    for (; syncs < world.nodeJobs.length; syncs++) {
      const job = world.nodeJobs[syncs]
      if (!job) continue
      if (changed) await movedBy(world, job, ['web'])
      changed = false
      await world.succeed(job, 'update')
    }
    for (; steps < world.stepJobs.length; steps++) {
      changed = true
      const job = world.stepJobs[steps]
      if (job) await world.finish(job)
    }
    await world.clock.advance(2_500)
    return (
      world.lines.some(({ text }) => /^web is not synced for web\.facts\.swap: /.test(text)) ||
      (await world.runs()).some(({ error }) => /are cut after 8 in a row/.test(error ?? ''))
    )
  })
  assert.ok(world.nodeJobs.length <= MAX_DEPTH + 2, `${world.nodeJobs.length} syncs`)
})

for (const [what, uses] of [
  ['the node itself uses', { web: 'web' }],
  ['another node uses, and the other way round', { web: 'db', db: 'web' }],
] as const)
  test(`syncs that follow from a fact that moves with each of them, and that ${what}, are cut, and say so`, async () => {
    await using world = await World.open()
    await world.push(tip(1, ['db', 'web']))
    let syncs = 0
    const cut = await until(async () => {
      for (; syncs < world.nodeJobs.length; syncs++) {
        const job = world.nodeJobs[syncs]
        if (!job) continue
        const user = (uses as Record<string, string>)[job.node]
        for (const fact of ['load', 'memory']) if (user) await movedBy(world, job, [user], fact)
        await world.succeed(job, 'update')
      }
      await world.clock.advance(2_500)
      return world.lines.find(({ text }) => /is not synced for/.test(text))
    })
    assert.match(cut.text, /are cut after 8 in a row; .* `devops sync \w+` applies them$/)
    assert.deepEqual(Math.max(...(await world.works()).map(({ cause }) => cause.depth)), MAX_DEPTH)
  })

test('values that move in turn along many nodes, or again after a while, are no loop', async () => {
  await using world = await World.open()
  const nodes = Array.from({ length: 12 }, (_, n) => `n${n + 10}`)
  await world.push(tip(1, nodes))
  let syncs = 0
  const work = (moves: boolean) =>
    until(async () => {
      for (; syncs < world.nodeJobs.length; syncs++) {
        const job = world.nodeJobs[syncs]
        if (!job) continue
        const next = nodes[nodes.indexOf(job.node) + 1]
        if (next && moves) await movedBy(world, job, [next])
        await world.succeed(job, 'update')
      }
      await world.clock.advance(2_500)
      return (await world.works(['waiting', 'running'])).length === 0
    })
  await work(false)
  await world.bus.ask('tasker.sync', { repo: REPO, node: 'n10', by: 'ann' })
  await work(true)
  for (let round = 0; round < 10; round++) {
    await world.clock.advance(2 * HOUR)
    await world.bus.ask('tasker.sync', { repo: REPO, node: 'n20', by: 'ann' })
    await work(true)
  }
  assert.equal(world.nodeJobs.length, 12 + 12 + 10 * 2)
  assert.deepEqual(
    world.lines.filter(({ level }) => level === 'error'),
    [],
  )
})
