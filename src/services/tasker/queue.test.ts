import assert from 'node:assert/strict'
import { type SQLInputValue, StatementSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import { openSqlite } from '#store/sqlite.ts'
import { until } from '#testing/until.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const MANY = 10_000
const onNode = (node: string) => aTask(`on-${node}`, ['true'], { targets: [node] })

async function openFull(): Promise<World> {
  const world = await World.open()
  world.tips.set(REPO, tip(1, ['a', 'b', 'c'], [onNode('a'), onNode('b'), onNode('c')]))
  world.tips.set('bob/site', { ...tip(1, ['a'], [onNode('a')]), repo: 'bob/site' })
  await start(world, REPO, 'a')
  await world.stepJob(1)
  return world
}

const start = (world: World, repo: string, node: string) =>
  world.bus.ask('tasker.start_run', { repo, task: `on-${node}`, by: 'ann' })

/** As many copies of a run that waits for node a. */
async function fill(world: World): Promise<void> {
  const { db } = world.store
  const { id } = await start(world, REPO, 'a')
  await sql`
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${MANY})
    insert into tasker_works
    select id || n, -n, repo, kind, nodes, state, "commit", task, attempt, failures, run_at, cause, error, error_code,
      cancelled_by, created_at, started_at, ended_at, changed_at, promised, progress
    from tasker_works, numbers where id = ${id}
  `.execute(db)
  await sql`
    insert into tasker_queue
    select queue.place, queue.repo, queue.node, works.id, queue.kind, works.seq, queue.run_at, queue.due, queue.size
    from tasker_queue as queue, tasker_works as works where queue.work = ${id} and works.seq < 0
  `.execute(db)
}

test(`behind ${MANY} queued runs on one node, a run on another and one of another repository start at once`, async () => {
  await using world = await openFull()
  await fill(world)
  const other = await start(world, REPO, 'b')
  const bobs = await start(world, 'bob/site', 'a')
  await until(() => world.stepJobs.length === 3)
  assert.deepEqual(
    world.stepJobs.slice(1).map(({ run }) => run),
    [other.id, bobs.id],
  )
})

/** All statements that the store runs until `stop`, and how many rows they gave. */
function record(t: TestContext) {
  const texts = new Set<string>()
  let rows = 0
  const all = StatementSync.prototype.all
  const run = StatementSync.prototype.run
  const mocks = [
    t.mock.method(StatementSync.prototype, 'all', function (this: StatementSync, ...values: SQLInputValue[]) {
      const found = all.apply(this, values as never)
      texts.add(this.sourceSQL)
      rows += found.length
      return found
    }),
    t.mock.method(StatementSync.prototype, 'run', function (this: StatementSync, ...values: SQLInputValue[]) {
      texts.add(this.sourceSQL)
      return run.apply(this, values as never)
    }),
  ]
  return {
    stop() {
      for (const { mock } of mocks) mock.restore()
      return { texts: [...texts].filter((text) => text.includes('tasker_')), rows }
    },
  }
}

/** How the store looks for rows of the queue. */
async function looks(db: Kysely<Tables>, texts: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  for (const text of texts.filter((text) => text.includes('tasker_queue') && !text.startsWith('insert'))) {
    const { rows } = await sql.raw<{ detail: string }>(`explain query plan ${text}`).execute(db)
    lines.push(...rows.map(({ detail }) => detail).filter((detail) => detail.includes('tasker_queue')))
  }
  return lines
}

test('what is read to start a run does not grow with the queue', async (t) => {
  await using world = await openFull()
  const startOne = async (node: string) => {
    const recorder = record(t)
    const run = await start(world, REPO, node)
    await until(async () => world.stepJobs.some((job) => job.run === run.id))
    await world.clock.advance(0)
    return recorder.stop()
  }
  const before = await startOne('b')
  await fill(world)
  const after = await startOne('c')
  // The bus and the clock differ by a few rows from one run to the next.
  assert.ok(Math.abs(after.rows - before.rows) < 50, `${before.rows} rows, then ${after.rows}`)
  const found = await looks(world.store.db, after.texts)
  assert.ok(found.length >= 6)
  const exact = /^SEARCH .*\((due=\? AND (place[=>]\?.*|run_at<\?)|work=\?.*)\)$/
  assert.deepEqual(
    found.filter((line) => !exact.test(line)),
    // Only the first of each is read: `limit 1`.
    [
      'SEARCH tasker_queue USING COVERING INDEX tasker_queue_place (due=?)',
      'SEARCH tasker_queue USING COVERING INDEX tasker_queue_place (due=?)',
      'SEARCH tasker_queue USING COVERING INDEX tasker_queue_time (due=?)',
    ],
  )
})

test('works that waited before there was a queue are in it', async () => {
  await using store = openSqlite(':memory:').as<Tables>()
  await store.migrate(migrations.filter(({ id }) => id < 'tasker/0006'))
  await sql`
    insert into tasker_works (id, seq, repo, kind, nodes, state, attempt, failures, run_at, cause, created_at, changed_at)
    values ('w', 7, ${REPO}, 'run', '["a","b"]', 'waiting', 1, 0, 5, '{}', 0, 0),
      ('x', 8, ${REPO}, 'run', '["a"]', 'succeeded', 1, 0, 5, '{}', 0, 0)
  `.execute(store.db)
  const rows = [
    { work: 'w', node: 'a' },
    { work: 'w', node: 'b' },
    { work: 'x', node: 'a' },
  ].map((row) => ({ repo: REPO, ...row }))
  await store.db.insertInto('tasker_work_nodes').values(rows).execute()
  await store.migrate(migrations)
  const same = { repo: REPO, work: 'w', kind: 'run', seq: 7, run_at: 5, due: 0, size: 2 }
  assert.deepEqual(await store.db.selectFrom('tasker_queue').selectAll().orderBy('node').execute(), [
    { place: `${REPO}/a`, node: 'a', ...same },
    { place: `${REPO}/b`, node: 'b', ...same },
  ])
})
