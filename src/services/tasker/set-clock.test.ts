import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Step } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import { until } from '#testing/until.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const HOUR = 3_600_000
const PAUSE = 600_000

async function begin(world: World, step: Step, more: object = {}): Promise<string> {
  await world.push(tip(1, ['web'], [{ ...aTask('t', [step]), ...more }]))
  await world.settleNodes()
  return (await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })).id
}

let looks = 0

/** Has the tasker look at a run, and waits until it did. */
async function look(world: World, run: string): Promise<void> {
  const id = `${run}.look${looks++}`
  await world.bus.send('tasker.advance', { id, payload: { run } })
  const { db } = world.store as unknown as Store<{ bus_jobs: { id: string } }>
  await until(async () => {
    const jobs = await db.selectFrom('bus_jobs').selectAll().execute()
    return jobs.every((job) => job.id !== id)
  })
}

const sets: Record<string, number> = { forward: 3 * HOUR, back: -3 * HOUR }

for (const [where, by] of Object.entries(sets)) {
  test(`a clock that is set ${where} makes the pause before a retry neither shorter nor longer`, async () => {
    await using world = await World.open()
    const run = await begin(world, { run: 'flaky', retries: { count: 1, pause: PAUSE / 1000 } })
    await world.finish(await world.stepJob(1), 'failure')
    await until(async () => (await world.run(run)).steps[0]?.retry_at)
    world.clock.jump(by)
    await look(world, run)
    await world.clock.advance(PAUSE - 1_000)
    await look(world, run)
    assert.equal(world.stepJobs.length, 1)
    await world.clock.advance(1_000)
    await world.stepJob(2)
  })

  for (const [what, step, more] of [
    ['step', { run: 'sleep 99', timeout: PAUSE / 1000 }, {}],
    ['task', { run: 'sleep 99' }, { timeout: PAUSE / 1000 }],
  ] as const)
    test(`a clock that is set ${where} makes the time limit of a ${what} neither shorter nor longer`, async () => {
      await using world = await World.open()
      const run = await begin(world, step, more)
      await world.stepJob(1)
      world.clock.jump(by)
      await look(world, run)
      await world.clock.advance(PAUSE - 1_000)
      assert.equal((await world.run(run)).state, 'running')
      await world.clock.advance(2_000)
      await until(async () => (await world.run(run)).state === 'failed')
    })

  test(`a clock that is set ${where} makes the pause before a sync is tried again neither shorter nor longer`, async () => {
    await using world = await World.open()
    await world.push(tip(1, ['web', 'db']))
    const [web, db] = [await world.nodeJob(1), await world.nodeJob(2)]
    await world.fail(web)
    await until(async () => (await world.works(['waiting']))[0])
    world.clock.jump(by)
    await world.succeed(db)
    await until(async () => (await world.works(['succeeded'])).length === 1)
    await world.clock.advance(4_000)
    assert.equal(world.nodeJobs.length, 2)
    await world.clock.advance(1_000)
    assert.equal((await world.nodeJob(3)).attempt, 2)
  })
}

test('a clock that was set back while the platform was away holds up neither a retry, a time limit nor a sync', async () => {
  await using world = await World.open()
  const step = { run: 'flaky', timeout: 60, retries: { count: 1, pause: 60 } }
  const run = await begin(world, step)
  await world.finish(await world.stepJob(1), 'failure')
  await until(async () => (await world.run(run)).steps[0]?.retry_at)
  await world.push(tip(2, ['web', 'db']))
  await world.fail(await until(() => world.nodeJobs.find(({ node }) => node === 'db')))
  await until(async () => (await world.works(['waiting'])).some(({ attempt }) => attempt === 2))
  await world.restart(() => world.clock.jump(-3 * HOUR))
  await world.clock.advance(60_000)
  await world.stepJob(2)
  await world.restart(() => world.clock.jump(-3 * HOUR))
  await until(async () => {
    await world.clock.advance(10_000)
    return (await world.run(run)).state === 'failed'
  })
  await world.clock.advance(PAUSE)
  await until(() => world.nodeJobs.find(({ node, attempt }) => node === 'db' && attempt === 2))
})

test('a platform that is started again and again while a neighbour does not answer fails no step', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web'], [aTask('t', ['true'])]))
  await world.settleNodes()
  let asked = 0
  world.onResolve = async () => {
    asked++
    throw new Problem('no_answer', { call: 'registry.resolve' })
  }
  const { id } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  for (let starts = 0; starts < 8; starts++) {
    await until(async () => {
      await world.clock.advance(1_000)
      return asked > starts
    })
    await world.restart()
  }
  assert.equal((await world.run(id)).state, 'running')
  world.onResolve = async () => {}
  await world.finish(await world.stepJobLater(1))
  await until(async () => (await world.run(id)).state === 'succeeded')
})
