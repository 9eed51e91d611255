import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { until } from '#testing/until.ts'
import { KEPT_TIME, KEPT_WORKS, RETENTION_SWEEP } from './retention.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const OLD = 700
/** What each of a work's tables holds. */
const tables = ['tasker_works', 'tasker_runs', 'tasker_run_steps', 'tasker_work_nodes'] as const

/** A run that has ended, and older copies of it: `count` works of that repository in all. */
async function openWith(count: number): Promise<World> {
  const world = await World.open()
  const tasks = [aTask('often', ['true']), aTask('once', ['true'])]
  world.tips.set(REPO, tip(1, ['web'], tasks))
  const { id } = await run(world, 'often')
  const copy = sql`
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${count - 1})`
  await sql`${copy}
    insert into tasker_works
    select id || n, -n, repo, kind, nodes, state, "commit", task, attempt, failures, run_at, cause, error, error_code,
      cancelled_by, created_at, started_at, ended_at, changed_at, promised, progress
    from tasker_works, numbers where id = ${id}`.execute(world.store.db)
  await sql`${copy} insert into tasker_work_nodes select work || n, repo, node from tasker_work_nodes, numbers`.execute(
    world.store.db,
  )
  const { db } = world.store
  const ids = (await db.selectFrom('tasker_works').select('id').where('seq', '<', 0).execute()).map(
    ({ id }) => id,
  )
  const [kept] = await db.selectFrom('tasker_runs').selectAll().execute()
  const [step] = await db.selectFrom('tasker_run_steps').selectAll().execute()
  assert.ok(kept && step)
  for (const work of ids) {
    await db
      .insertInto('tasker_runs')
      .values({ ...kept, work })
      .execute()
    await db
      .insertInto('tasker_run_steps')
      .values({ ...step, run: work })
      .execute()
  }
  return world
}

async function run(world: World, task: string) {
  const made = await world.bus.ask('tasker.start_run', { repo: REPO, task, by: 'ann' })
  const job = await until(() => world.stepJobs.find((job) => job.run === made.id))
  await world.finish(job)
  return until(async () => {
    const now = await world.run(made.id)
    return now.state === 'succeeded' ? now : undefined
  })
}

/** Whatever has ended did so that long ago. */
const endedBefore = ({ store, clock }: World, ms: number) =>
  store.db
    .updateTable('tasker_works')
    .set({ ended_at: clock.now() - ms })
    .where('ended_at', 'is not', null)
    .execute()

const counts = async ({ store }: World): Promise<number[]> => {
  const all = tables.map((table) =>
    store.db.selectFrom(table).select((eb) => eb.fn.countAll<number>().as('n')),
  )
  return Promise.all(all.map(async (query) => (await query.executeTakeFirstOrThrow()).n))
}

test('works that are older than 90 days go with all that is theirs, but for the newest 1,000', async () => {
  await using world = await openWith(KEPT_WORKS + OLD)
  await endedBefore(world, KEPT_TIME - 1.5 * RETENTION_SWEEP)
  await world.clock.advance(RETENTION_SWEEP)
  assert.deepEqual(await counts(world), Array(4).fill(KEPT_WORKS + OLD))
  await world.clock.advance(RETENTION_SWEEP)
  await until(async () => (await counts(world))[0] === KEPT_WORKS)
  assert.deepEqual(await counts(world), Array(4).fill(KEPT_WORKS))
  const { max, min } = await world.store.db
    .selectFrom('tasker_works')
    .select((eb) => [eb.fn.max('seq').as('max'), eb.fn.min('seq').as('min')])
    .executeTakeFirstOrThrow()
  assert.ok(max > 0)
  assert.equal(min, 1 - KEPT_WORKS)
})

test('what is open, and the latest work of a node and of a task, stay however old they are', async () => {
  await using world = await openWith(2)
  const once = await run(world, 'once')
  await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  await world.succeed(await world.nodeJob(1))
  await until(async () => (await world.status('web'))?.status === 'synced')
  const open = await world.bus.ask('tasker.start_run', { repo: REPO, task: 'often', by: 'ann' })
  const kept = (await world.works()).filter(({ task }) => task !== 'often').map(({ id }) => id)
  assert.equal(kept.length, 2)
  await sql`
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${KEPT_WORKS})
    insert into tasker_works
    select id || n, seq + 1000000000 + n, repo, kind, nodes, state, "commit", 'other', attempt, failures, run_at, cause,
      error, error_code, cancelled_by, created_at, started_at, ended_at, changed_at, promised, progress
    from tasker_works, numbers where id = ${once.id}`.execute(world.store.db)
  const ids = async () =>
    (
      await world.store.db
        .selectFrom('tasker_works')
        .select('id')
        .where('seq', '<', world.clock.now() + 1e8)
        .execute()
    )
      .map(({ id }) => id)
      .sort()
  assert.equal((await ids()).length, 5)
  await endedBefore(world, KEPT_TIME)
  await world.clock.advance(RETENTION_SWEEP)
  await until(async () => (await ids()).length === 3)
  assert.deepEqual(await ids(), [...kept, open.id].sort())
})
