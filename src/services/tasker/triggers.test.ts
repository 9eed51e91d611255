import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData, EventPattern } from '#contracts'
import { until } from '#testing/until.ts'
import { aTask, commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'
import { triggerEvents } from './triggers.ts'

const work = { repo: REPO, node: 'web', work: 'w', commit: commitId(1), attempt: 1 }
const run = { repo: REPO, task: 'other', run: 'r', depth: 0 }
const error = { code: 'internal' as const, message: 'it broke' }
const moved = { repo: REPO, node: 'web', reason: null }

/** One of each event that can start a task, besides a push. */
const data: { [P in (typeof triggerEvents)[number]]: EventData<P> } = {
  'node.*.create.start': work,
  'node.*.create.success': { ...work, changed: 1, ms: 1 },
  'node.*.create.error': { ...work, error, retry: false },
  'node.*.update.start': work,
  'node.*.update.success': { ...work, changed: 1, ms: 1 },
  'node.*.update.error': { ...work, error, retry: false },
  'node.*.delete.start': work,
  'node.*.delete.success': { ...work, changed: 1, ms: 1 },
  'node.*.delete.error': { ...work, error, retry: false },
  'node.*.drift': { repo: REPO, node: 'web', commit: commitId(1), fields: [], heals: false, work: null },
  'node.*.up': moved,
  'node.*.down': moved,
  'task.*.run.start': { ...run, error: null },
  'task.*.run.success': { ...run, error: null },
  'task.*.run.error': { ...run, error: 'it broke' },
}

for (const pattern of triggerEvents) {
  const kind = pattern.startsWith('node') ? 'node' : 'task'
  const name = kind === 'node' ? 'web' : 'other'
  const type = pattern.replace('*', name)

  test(`a task that listens to ${pattern} is started by ${type}, with its data, and knows why`, async () => {
    await using world = await World.open()
    const line = `echo {{ event.type }} {{ event.${kind} }} {{ event.data.${kind} }}`
    await world.push(tip(1, ['web'], [aTask('t', [line], { events: [pattern] }), aTask('other', ['ls'])]))
    await until(() => world.nodeJobs.length > 0)
    await publish(world, pattern, name)
    const started = await until(async () => (await world.runs()).find(({ task }) => task === 't'))
    assert.deepEqual([started.cause.kind, started.cause.detail, started.cause.depth], ['event', type, 1])
    if (!pattern.startsWith('node')) return
    await world.settleNodes()
    const job = await until(() => world.stepJobs.find(({ run }) => run === started.id))
    assert.equal(job.script, `echo ${type} ${name} ${name}`)
  })
}

const publish = <P extends EventPattern>(world: World, pattern: P, name: string) =>
  world.bus.publish(pattern, {
    name,
    subject: `${REPO}/${name}`,
    data: (data as Record<string, unknown>)[pattern] as EventData<P>,
  })

test('a push starts the tasks that listen to repo.pushed, as they are in that push', async () => {
  await using world = await World.open()
  const line = 'echo {{ event.by }} {{ event.branch }} {{ event.after }}'
  await world.push(tip(1, [], [aTask('t', [line], { events: ['repo.pushed'], targets: [] })]), 'bob')
  const started = await until(async () => (await world.runs())[0])
  assert.deepEqual([started.cause.by, started.cause.detail], ['bob', 'repo.pushed'])
})

test('a sync that waits for what is to come starts no task, whatever the task listens to', async () => {
  await using world = await World.open()
  const events = ['node.*', 'node.web.update.error', 'node.web.create.error']
  const tasks = events.map((pattern, n) => aTask(`t${n}`, ['true'], { events: [pattern] }))
  await world.push(tip(1, ['web'], tasks))
  await world.wait(await world.nodeJob(1), 'unresolved', 'db has no address yet')
  await until(async () => (await world.works(['waiting']))[0]?.waits_for)
  // Events of one subject come in their order: had the first started a run, it would be there.
  await publish(world, 'node.*.up', 'web')
  await until(async () => (await world.runs()).length > 0)
  assert.deepEqual(
    (await world.runs()).map(({ task, cause }) => `${task} ${cause.detail}`),
    ['t0 node.web.up'],
  )
})
