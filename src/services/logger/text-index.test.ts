import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CompiledQuery, sql } from 'kysely'
import type { NewLine } from '#contracts/logger.ts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import type { Store } from '#store'
import { failOnLeaks } from '#testing/leaks.ts'
import { type TestParts, testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { createAppend } from './append.ts'
import { logger } from './index.ts'
import { migrations } from './migrations.ts'
import { Reads } from './reads.ts'
import type { Tables } from './tables.ts'
import { writeIndex } from './text.ts'
import { TextIndex } from './text-index.ts'
import { Traffic } from './traffic.ts'

failOnLeaks()

const repo = 'ann/shop'
const line = (text: string): NewLine => ({ at: 0, repo, stream: 'stdout', level: 'info', text })
const lines = (count: number) => Array.from({ length: count }, (_, i) => line(`match ${i}`))

/** The parts of the logger around the index, without the service. */
async function start(behind?: number) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts())
  await parts.store.migrate(migrations)
  const store = parts.store.as<Tables>()
  const traffic = new Traffic()
  const index = stack.use(new TextIndex({ store, log: silentLog, traffic }, behind))
  const { append } = createAppend(store, traffic, () => index.wake())
  const reads = new Reads(store, traffic)
  const undo = stack.move()
  return { store, traffic, append, reads, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const indexed = async ({ db }: Pick<Store<Tables>, 'db'>) =>
  (await db.selectFrom('logger_indexed').select('last').executeTakeFirstOrThrow()).last

/** Long enough for whatever is ready to run to have run, many times. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('while appends and queries leave no pause nothing is indexed, and with the first pause all is', async () => {
  await using plane = await start()
  const pause = Promise.withResolvers<void>()
  const busy = plane.traffic.pass(() => pause.promise)
  await plane.append(lines(300))
  await turns()
  assert.equal(await indexed(plane.store), 0)
  assert.equal((await plane.reads.find({ repo, text: 'match 29', limit: 100 })).lines.length, 11)
  await turns()
  assert.equal(await indexed(plane.store), 0)
  pause.resolve()
  await busy
  await until(async () => (await indexed(plane.store)) === 300)
  assert.equal((await plane.reads.find({ repo, text: 'match 29', limit: 100 })).lines.length, 11)
})

test('appends that wait for their turn all come before the next slice of the index', async () => {
  await using plane = await start()
  const order: string[] = []
  const transaction = plane.store.transaction.bind(plane.store)
  plane.store.transaction = (act) =>
    transaction(async (tx) => {
      const before = await indexed(tx)
      const result = await act(tx)
      if ((await indexed(tx)) > before) order.push('index')
      else if (result !== false) order.push('append')
      return result
    })
  // Each is too large to share a commit with the next.
  await Promise.all([1, 2, 3].map(() => plane.append(lines(10_001))))
  await until(async () => (await indexed(plane.store)) === 30_003)
  assert.deepEqual(order.slice(0, 4), ['append', 'append', 'append', 'index'])
})

test('a slice of the index reads its own lines, never the whole table', async () => {
  await using plane = await start()
  const asked: CompiledQuery[] = []
  const listening = plane.store.db.withPlugin({
    transformQuery: ({ node, queryId }) => {
      asked.push(plane.store.db.getExecutor().compileQuery(node, queryId))
      return node
    },
    transformResult: async ({ result }) => result,
  })
  await writeIndex(listening, 0, 10)
  assert.equal(asked.length, 2)
  for (const { sql: text, parameters } of asked) {
    const explain = CompiledQuery.raw(`explain query plan ${text}`, [...parameters])
    const { rows } = await plane.store.db.executeQuery<{ detail: string }>(explain)
    const plan = rows.map(({ detail }) => detail).join('; ')
    assert.match(plan, /SEARCH line USING INDEX \S+ \(repo=\? AND seq>\? AND seq<\?\)/)
    assert.doesNotMatch(plan, /SCAN line/)
  }
})

test('an index that is too far behind takes turns with appends that never pause', async () => {
  await using plane = await start(1000)
  const pause = Promise.withResolvers<void>()
  const busy = plane.traffic.pass(() => pause.promise)
  await plane.append(lines(1500))
  await until(async () => (await indexed(plane.store)) === 500)
  await plane.append(lines(7000))
  await until(async () => (await indexed(plane.store)) === 7500)
  await turns()
  assert.equal(await indexed(plane.store), 7500)
  pause.resolve()
  await busy
  await until(async () => (await indexed(plane.store)) === 8500)
})

test('an index that fails tries again with the next lines, and searches are complete meanwhile', async () => {
  await using plane = await start()
  const transaction = plane.store.transaction.bind(plane.store)
  const broken = Promise.withResolvers<void>()
  await plane.append([line('match 1')])
  await until(async () => (await indexed(plane.store)) === 1)
  await sql`alter table logger_text rename to logger_away`.execute(plane.store.db)
  plane.store.transaction = async (act) => {
    try {
      return await transaction(act)
    } catch (error) {
      broken.resolve()
      throw error
    }
  }
  await plane.append([line('match 2')])
  await broken.promise
  await sql`alter table logger_away rename to logger_text`.execute(plane.store.db)
  assert.equal((await plane.reads.find({ repo, text: 'match', limit: 10 })).lines.length, 2)
  await plane.append([line('match 3')])
  await until(async () => (await indexed(plane.store)) === 3)
  assert.equal((await plane.reads.find({ repo, text: 'match', limit: 10 })).lines.length, 3)
})

test('queries that are the same share one read while they wait, and see what was written before they asked', async () => {
  await using plane = await start()
  const connection = plane.store.db.connection.bind(plane.store.db)
  let reads = 0
  plane.store.db.connection = () => {
    reads++
    return connection()
  }
  await plane.append([line('one')])
  const tail = { repo, after: 0, limit: 10 }
  const before = Array.from({ length: 10 }, () => plane.reads.find({ ...tail }))
  for (const { lines: found } of await Promise.all(before)) assert.equal(found.length, 1)
  assert.equal(reads, 1)
  const during = plane.reads.find({ ...tail })
  await plane.append([line('two')])
  assert.equal((await plane.reads.find({ ...tail })).lines.length, 2)
  await during
})

const search = async ({ bus }: Pick<TestParts, 'bus'>, text: string) =>
  (await bus.ask('logger.query', { repo, text, limit: 100 })).lines.map((each) => each.text)

test('lines that were appended before a crash and not indexed are found after it, and get into the index', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-logger-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'store.sqlite')
  {
    // No index runs here, as in a process that dies between the append and its slice.
    await using parts = await testParts({ path })
    await parts.store.migrate(migrations)
    const { append } = createAppend(parts.store.as<Tables>(), new Traffic(), () => {})
    await append([line('last words'), line('other')])
    assert.equal(await indexed(parts.store.as<Tables>()), 0)
  }
  await using parts = await testParts({ path })
  await using _ = await startService(logger, parts, {})
  assert.deepEqual(await search(parts, 'last words'), ['last words'])
  await until(async () => (await indexed(parts.store.as<Tables>())) === 2)
  assert.deepEqual(await search(parts, 'last words'), ['last words'])
})

test('a store with the former index is searched at once after its migration, and indexed anew', async () => {
  await using parts = await testParts()
  await parts.store.migrate(migrations.slice(0, 2))
  const store = parts.store.as<Tables>()
  await createAppend(store, new Traffic(), () => {}).append([line('from before')])
  await sql`insert into logger_text (rowid, place, text) values (1, '001', 'from before')`.execute(store.db)
  await sql`update logger_indexed set last = 1`.execute(store.db)
  await parts.store.migrate(migrations)
  assert.equal(await indexed(store), 0)
  await using _ = await startService(logger, parts, {})
  assert.deepEqual(await search(parts, 'before'), ['from before'])
  await until(async () => (await indexed(store)) === 1)
  assert.deepEqual(await search(parts, 'before'), ['from before'])
})
