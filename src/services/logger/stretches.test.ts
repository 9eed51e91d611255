import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { logger } from './index.ts'
import { STRETCH } from './query.ts'

failOnLeaks()

const repo = 'ann/shop'
const STRETCHES = 8
const LINES = STRETCH * STRETCHES + 7

/** Many lines of one repository; the first and the last are warnings, and every second one is of a neighbour. */
async function startFull() {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts())
  stack.use(await startService(logger, parts, {}))
  await sql`
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${LINES})
    insert into logger_lines (repo, seq, at, stream, level, text)
    select case when n % 2 = 1 then ${repo} else 'bob/shop' end, n, n, 'stdout',
      case when n in (1, 2, ${LINES}) then 'warn' else 'info' end, 'line ' || n from numbers
  `.execute(parts.store.db)
  await sql`update logger_sequence set last = ${LINES}`.execute(parts.store.db)
  await sql`insert into logger_usage (repo, lines, size, removed_lines, removed_until)
    values (${repo}, ${LINES}, 1, 0, 0)`.execute(parts.store.db)
  const undo = stack.move()
  return { ...parts, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('while a filter that nothing fits looks at all lines, others use the store', async () => {
  await using plane = await startFull()
  let done = false
  const nothing = plane.bus.ask('logger.query', { repo, node: 'none', stream: 'syslog', limit: 10 })
  const slow = nothing.then((found) => {
    done = true
    return found
  })
  let others = 0
  for (; !done; others++) await plane.store.db.selectFrom('logger_sequence').selectAll().execute()
  const { lines, first, last } = await slow
  assert.deepEqual([lines, first, last], [[], null, LINES])
  // One between two stretches, and a few before the first.
  assert.ok(others > STRETCHES, `${others} other questions`)
})

test('lines that are far apart are found in order, in both directions and to the limit', async () => {
  await using plane = await startFull()
  const ask = (more: object) =>
    plane.bus.ask('logger.query', { repo, level: 'warn', limit: 10, ...more }).then(({ lines, ...rest }) => ({
      seqs: lines.map(({ seq }) => seq),
      ...rest,
    }))
  assert.deepEqual(await ask({}), { seqs: [1, LINES], last: LINES, first: null, removed: null })
  assert.deepEqual(await ask({ after: 0 }), { seqs: [1, LINES], last: LINES, first: 1, removed: null })
  assert.deepEqual((await ask({ limit: 1 })).seqs, [LINES])
  assert.deepEqual((await ask({ limit: 1, after: 0 })).seqs, [1])
  assert.deepEqual((await ask({ before: LINES })).seqs, [1])
  assert.deepEqual((await ask({ after: 1 })).seqs, [LINES])
  assert.deepEqual((await ask({ after: LINES })).seqs, [])
  assert.deepEqual((await ask({ limit: 3, level: 'info', before: 8 })).seqs, [3, 5, 7])
})
