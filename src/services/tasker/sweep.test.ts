import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#testing/until.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

/** Time passes until a thing is true: pauses of the bus, then the sweep. */
const inTime = <T>(world: World, check: () => Promise<T | undefined>): Promise<NonNullable<T>> =>
  until(async () => {
    await world.clock.advance(10_000)
    return (await check()) as NonNullable<T>
  })

test('a sync whose job was given up ends, and its node is free', async () => {
  await using world = await World.open()
  world.onNodeJob = () => {
    throw new Error('poison')
  }
  await world.push(tip(1, ['web']))
  const status = await inTime(world, async () => {
    const status = await world.status('web')
    return status?.status === 'out of sync' ? status : undefined
  })
  assert.match(status.error ?? '', /^the job broke \d+ times and was given up: .*poison/)
  assert.deepEqual(await world.store.db.selectFrom('tasker_locks').selectAll().execute(), [])
  await inTime(world, async () => (await world.bus.parked()).length === 0 || undefined)
})

test('a step whose job was given up has an unknown outcome, and its run ends', async () => {
  await using world = await World.open()
  world.onStepJob = () => {
    throw new Error('poison')
  }
  world.tips.set(REPO, tip(1, ['web'], [aTask('t', ['one'])]))
  await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  const run = await inTime(world, async () => (await world.runs()).find(({ state }) => state === 'failed'))
  assert.match(run.error ?? '', /^the outcome of step 1 "one" on web is unknown/)
  await inTime(world, async () => (await world.bus.parked()).length === 0 || undefined)
})

test('a push that came while git was away is taken up when git is back', async () => {
  await using world = await World.open()
  world.deaf = true
  await world.push(tip(1, ['web']))
  await inTime(world, async () => (await world.bus.parked())[0])
  world.deaf = false
  await inTime(world, async () => world.nodeJobs[0])
})

test('a run whose registry never answers fails in the end and says so', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web'], [aTask('t', ['one'])]))
  const sync = await world.nodeJob(1)
  await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  world.deaf = true
  await world.succeed(sync)
  const run = await inTime(world, async () => (await world.runs()).find(({ state }) => state === 'failed'))
  assert.equal(run.error, 'step 1 "one" failed on web: Nobody answers registry.resolve')
})
