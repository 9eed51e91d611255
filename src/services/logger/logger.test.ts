import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Input } from '#contracts'
import type { NewLine } from '#contracts/logger.ts'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { type TestParts, testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { createAppend } from './append.ts'
import { type LoggerOptions, logger } from './index.ts'
import type { Tables } from './tables.ts'
import { Traffic } from './traffic.ts'

failOnLeaks()

const repo = 'ann/shop'
const line = (text: string, more: Partial<NewLine> = {}): NewLine => ({
  at: 0,
  repo,
  stream: 'stdout',
  level: 'info',
  text,
  ...more,
})

async function start(options: LoggerOptions = {}, path?: string) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts(path === undefined ? {} : { path }))
  stack.use(await startService(logger, parts, options))
  const undo = stack.move()
  return { ...parts, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const append = ({ bus }: Pick<TestParts, 'bus'>, ...lines: NewLine[]) => bus.ask('logger.append', { lines })
const query = ({ bus }: Pick<TestParts, 'bus'>, more: Partial<Input<'logger.query'>> = {}) =>
  bus.ask('logger.query', { repo, limit: 100, ...more }, { deadline: 60_000 })
const texts = async (...given: Parameters<typeof query>) =>
  (await query(...given)).lines.map(({ text }) => text)

test('lines come back as they were given, control characters and all, with growing numbers', async () => {
  await using plane = await start()
  const full = line('\x1b[31mred\r\0 ä', { node: 'web', task: 'deploy', work: 'w1', step: 0, at: 7 })
  assert.deepEqual(await append(plane, full, line('two')), { last: 2 })
  assert.deepEqual(await append(plane), { last: 2 })
  const { lines, last } = await query(plane)
  assert.deepEqual(lines, [
    { ...full, seq: 1 },
    { ...line('two'), seq: 2 },
  ])
  assert.equal(last, 2)
})

test('an append that comes while the one before it ends is written without another to wake it', async () => {
  await using plane = await start()
  const { append } = createAppend(plane.store.as<Tables>(), new Traffic(), () => {})
  for (let ticks = 0; ticks < 20; ticks++) {
    const second = append([line('first')]).then(async () => {
      for (let tick = 0; tick < ticks; tick++) await undefined
      return append([line('second')])
    })
    const ended = await Promise.race([second, sleep(5000, undefined, { ref: false })])
    assert.equal(ended, 2 * ticks + 2, `${ticks} microtasks after the end of the first`)
  }
})

test('appends that come at once share a commit, each told its own last number, in order', async () => {
  await using plane = await start()
  let commits = 0
  const { store } = plane
  const transaction = store.transaction.bind(store)
  store.transaction = (act) => {
    commits++
    return transaction(act)
  }
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => append(plane, line(`${i}a`), line(`${i}b`))),
  )
  assert.deepEqual(
    answers.map(({ last }) => last),
    Array.from({ length: 50 }, (_, i) => 2 * i + 2),
  )
  assert.ok(commits <= 2, `${commits} commits`)
  const { lines } = await query(plane)
  assert.deepEqual(
    lines.map(({ text }) => text),
    Array.from({ length: 50 }, (_, i) => [`${i}a`, `${i}b`]).flat(),
  )
})

test('an append that fails fails alone what was in its commit, and the next one goes through', async () => {
  await using plane = await start()
  const { store } = plane
  const transaction = store.transaction.bind(store)
  store.transaction = () => Promise.reject(new Error('disk full'))
  await assert.rejects(append(plane, line('lost')), /disk full/)
  store.transaction = transaction
  assert.deepEqual(await append(plane, line('kept')), { last: 1 })
})

test('many lines in one call are stored whole', async () => {
  await using plane = await start()
  const lines = Array.from({ length: 10_000 }, (_, i) => line(String(i)))
  assert.deepEqual(await append(plane, ...lines), { last: 10_000 })
  assert.equal((await query(plane, { limit: 10_000 })).lines.length, 10_000)
})

test('a query finds by every field; other repositories stay unseen', async () => {
  await using plane = await start()
  await append(
    plane,
    line('One 100%', { node: 'web', work: 'w1' }),
    line('two', { node: 'db', work: 'w1', task: 'deploy' }),
    line('one_', { node: 'web', work: 'w2' }),
    line('foreign', { repo: 'bob/blog', node: 'web' }),
  )
  assert.deepEqual(await texts(plane), ['One 100%', 'two', 'one_'])
  assert.deepEqual(await texts(plane, { node: 'web' }), ['One 100%', 'one_'])
  assert.deepEqual(await texts(plane, { work: 'w1' }), ['One 100%', 'two'])
  assert.deepEqual(await texts(plane, { task: 'deploy' }), ['two'])
  assert.deepEqual(await texts(plane, { text: 'ONE' }), ['One 100%', 'one_'])
  assert.deepEqual(await texts(plane, { text: '0%' }), ['One 100%'])
  assert.deepEqual(await texts(plane, { text: 'e_' }), ['one_'])
  assert.deepEqual(await texts(plane, { node: 'web', work: 'w2' }), ['one_'])
})

test('without `after` the newest come, with it the next; paging by `last` leaves no gap and no double', async () => {
  await using plane = await start()
  await append(
    plane,
    ...Array.from({ length: 10 }, (_, i) => line(String(i), { node: i % 2 ? 'web' : 'db' })),
  )
  assert.deepEqual(await texts(plane, { limit: 3 }), ['7', '8', '9'])
  const seen: string[] = []
  for (let after = 0; ; ) {
    const page = await query(plane, { after, limit: 2, node: 'web' })
    if (page.lines.length === 0) {
      assert.equal(page.last, 10)
      break
    }
    seen.push(...page.lines.map(({ text }) => text))
    after = page.last
  }
  assert.deepEqual(seen, ['1', '3', '5', '7', '9'])
})

test('a query that waits is answered by the first line that fits, and not by others', async () => {
  await using plane = await start()
  const answer = query(plane, { node: 'web', wait: 30_000 })
  let answered = false
  answer.finally(() => {
    answered = true
  })
  await append(
    plane,
    line('other node', { node: 'db' }),
    line('other repo', { repo: 'bob/blog', node: 'web' }),
  )
  await plane.clock.advance(1)
  assert.equal(answered, false)
  await append(plane, line('mine', { node: 'web' }))
  const { lines, last } = await answer
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['mine'],
  )
  assert.equal(last, 3)
})

test('a query that waits in vain is answered empty at its time', async () => {
  await using plane = await start()
  await append(plane, line('old'))
  const answer = query(plane, { after: 1, wait: 10_000 })
  let answered = false
  answer.finally(() => {
    answered = true
  })
  await plane.clock.advance(9_999)
  assert.equal(answered, false)
  await plane.clock.advance(1)
  assert.deepEqual(await answer, { lines: [], last: 1, first: null, removed: null })
})

test('a query whose asker gives up, or whose service stops, waits no longer', async () => {
  const plane = await start()
  const stop = new AbortController()
  const given = { repo, limit: 1, wait: 30_000 }
  const first = assert.rejects(plane.bus.ask('logger.query', given, { signal: stop.signal }))
  const second = plane.bus.ask('logger.query', given).catch((error: unknown) => error)
  await plane.clock.advance(1)
  stop.abort()
  await first
  await plane[Symbol.asyncDispose]()
  await second
  assert.equal(plane.clock.pending, 0)
})

test('a tail by `last` sees every line once while many are written', async () => {
  await using plane = await start()
  const seen: string[] = []
  const tail = (async () => {
    for (let after = 0; seen.length < 300; ) {
      const page = await query(plane, { after, limit: 7, wait: 30_000 })
      seen.push(...page.lines.map(({ text }) => text))
      after = page.last
    }
  })()
  await Promise.all(
    Array.from({ length: 100 }, (_, i) => append(plane, ...['a', 'b', 'c'].map((c) => line(`${i}${c}`)))),
  )
  await tail
  assert.equal(new Set(seen).size, 300)
  assert.equal(seen.length, 300)
})

test('old lines and lines that are too many go by the clock, and who asks for them is told how many', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-logger-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'store.sqlite')
  const day = 24 * 60 * 60_000
  const keepOf = async (of: string) => ({ age: 30 * day, size: of === repo ? 9 : 1000 })
  {
    await using plane = await start({ keepOf, sweepEvery: 10 * day }, path)
    const at = plane.clock.now()
    await append(
      plane,
      line('old', { repo: 'bob/blog', at: at - 31 * day }),
      line('fresh', { repo: 'bob/blog', at }),
    )
    await append(plane, ...['0\0ä', '111', '222', '333', '444'].map((text) => line(text, { at })))
    await plane.clock.advance(10 * day)
    await until(async () => (await texts(plane)).length === 3)
    assert.deepEqual(await texts(plane), ['222', '333', '444'])
    assert.deepEqual(await texts(plane, { repo: 'bob/blog' }), ['fresh'])
    assert.deepEqual((await query(plane)).removed, { lines: 2, until: 4 })
    assert.deepEqual((await query(plane, { after: 3 })).removed, { lines: 2, until: 4 })
    assert.equal((await query(plane, { after: 4 })).removed, null)
    assert.equal((await query(plane, { limit: 3 })).removed, null)
    assert.deepEqual(await texts(plane, { text: '111' }), [])
    assert.deepEqual(await texts(plane, { text: '222' }), ['222'])
    await plane.clock.advance(30 * day)
    await until(async () => (await texts(plane)).length === 0)
    assert.deepEqual((await query(plane)).removed, { lines: 5, until: 7 })
  }
  await using plane = await start({}, path)
  assert.deepEqual(await append(plane, line('new')), { last: 8 })
})

test('what the store counts of a repository is what is in it, whatever bytes the lines have', async () => {
  await using plane = await start()
  await append(plane, line('a\0b'), line('ä\ud800'), line('', { repo: 'bob/blog' }))
  const { db } = plane.store
  const usage = await db.selectFrom('logger_usage').select(['repo', 'lines', 'size']).execute()
  assert.deepEqual(usage, [
    { repo, lines: 2, size: 8 },
    { repo: 'bob/blog', lines: 1, size: 0 },
  ])
  const { rows } = await sql`select sum(octet_length(text)) as size from logger_lines`.execute(db)
  assert.deepEqual(rows, [{ size: 8 }])
})

const indexed = (plane: TestParts, seq: number) =>
  until(async () => {
    const { db } = plane.store
    const { last } = await db.selectFrom('logger_indexed').select('last').executeTakeFirstOrThrow()
    return last >= seq
  })

for (const state of ['in the index', 'not in the index yet'])
  test(`a text is found as any part of a line, in both directions, when lines are ${state}`, async () => {
    await using plane = await start()
    await append(
      plane,
      line('connection to db-1 REFUSED "twice"'),
      line('foreign db-1', { repo: 'bob/blog' }),
    )
    await append(plane, line('Connected to db-1'), line('50% of db_1', { node: 'web' }), line('ünïcode ok'))
    await indexed(plane, 5)
    if (state !== 'in the index')
      await plane.store.db.updateTable('logger_indexed').set({ last: 0 }).execute()
    assert.deepEqual(await texts(plane, { text: 'db-1' }), [
      'connection to db-1 REFUSED "twice"',
      'Connected to db-1',
    ])
    assert.deepEqual(await texts(plane, { text: 'refused "TW' }), ['connection to db-1 REFUSED "twice"'])
    assert.deepEqual(await texts(plane, { text: 'connect', limit: 1 }), ['Connected to db-1'])
    assert.deepEqual(await texts(plane, { text: 'connect', limit: 1, after: 0 }), [
      'connection to db-1 REFUSED "twice"',
    ])
    assert.deepEqual(await texts(plane, { text: 'connect', before: 3 }), [
      'connection to db-1 REFUSED "twice"',
    ])
    assert.deepEqual(await texts(plane, { text: '50% of db_1', node: 'web' }), ['50% of db_1'])
    assert.deepEqual(await texts(plane, { text: 'db_1', node: 'db' }), [])
    assert.deepEqual(await texts(plane, { text: 'nïc' }), ['ünïcode ok'])
    assert.deepEqual(await texts(plane, { text: '" OR text : "db' }), [])
  })

test('a search that spans lines in and behind the index gives each line once, in order', async () => {
  await using plane = await start()
  await append(plane, ...Array.from({ length: 20 }, (_, i) => line(`match ${i}`)))
  await indexed(plane, 20)
  const { db } = plane.store
  await sql`delete from logger_text where rowid > 12`.execute(db)
  await db.updateTable('logger_indexed').set({ last: 12 }).execute()
  const all = Array.from({ length: 20 }, (_, i) => `match ${i}`)
  assert.deepEqual(await texts(plane, { text: 'match' }), all)
  assert.deepEqual(await texts(plane, { text: 'match', limit: 10 }), all.slice(10))
  assert.deepEqual(await texts(plane, { text: 'match', limit: 10, after: 7 }), all.slice(7, 17))
})

test('lines are narrowed by step, stream, service, time, and by a level or graver ones', async () => {
  await using plane = await start()
  await append(
    plane,
    line('a', { at: 10, step: 0, level: 'debug' }),
    line('b', { at: 20, step: 1, level: 'warn', stream: 'stderr' }),
    line('c', { at: 30, level: 'error', stream: 'platform', service: 'tasker' }),
  )
  assert.deepEqual(await texts(plane, { step: 1 }), ['b'])
  assert.deepEqual(await texts(plane, { stream: 'stderr' }), ['b'])
  assert.deepEqual(await texts(plane, { service: 'tasker' }), ['c'])
  assert.deepEqual(await texts(plane, { level: 'warn' }), ['b', 'c'])
  assert.deepEqual(await texts(plane, { since: 20 }), ['b', 'c'])
  assert.deepEqual(await texts(plane, { since: 11, until: 29 }), ['b'])
})

test('paging backwards by `first` sees every line once and ends', async () => {
  await using plane = await start()
  await append(plane, ...Array.from({ length: 10 }, (_, i) => line(String(i))))
  const seen: string[] = []
  for (let before: number | null = 11; before !== null; ) {
    const page: Awaited<ReturnType<typeof query>> = await query(plane, { before, limit: 4 })
    seen.unshift(...page.lines.map(({ text }) => text))
    before = page.first
  }
  assert.deepEqual(seen, [...'0123456789'])
})

test('queries by repository, node and work read an index, never the table', async () => {
  await using plane = await start()
  const explain = async (where: string) => {
    const query = `explain query plan select * from logger_lines where repo = 'a' ${where} order by seq desc limit 10`
    const { rows } = await sql.raw<{ detail: string }>(query).execute(plane.store.db)
    return rows.map(({ detail }) => detail).join('; ')
  }
  for (const where of ['and seq > 5', "and node = 'web'", "and work = 'w' and seq > 5"]) {
    const plan = await explain(where)
    assert.match(plan, /SEARCH logger_lines USING INDEX/)
    assert.doesNotMatch(plan, /TEMP B-TREE|SCAN/)
  }
})
