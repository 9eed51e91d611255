import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Input, Output } from '#contracts'
import { type Line, levels } from '#contracts/logger.ts'
import { hiddenUntil } from './forget.ts'
import type { Tables } from './tables.ts'
import { containing, matching, trigramsOf } from './text.ts'

type Db = Kysely<Tables>
type Query = Input<'logger.query'>
type Row = Tables['logger_lines']

/** A stretch of sequence numbers, both ends included. */
interface Range {
  from: number
  to: number
}

/**
 * Lines in order. `last` is where the next query goes on (`after`): the last line given or, when there were no more, the
 * newest line that the store held before it was asked, so that a filtered tail does not look at the same lines again.
 */
export async function findLines(db: Db, query: Query): Promise<Output<'logger.query'>> {
  const { last: newest } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
  const { after, before, limit } = query
  const forward = after !== undefined
  const range = {
    from: Math.max(after ?? 0, await hiddenUntil(db, query.repo)) + 1,
    to: Math.min(newest, (before ?? Infinity) - 1),
  }
  const rows = await findRows(db, query, range, forward)
  if (!forward) rows.reverse()
  const full = rows.length === limit
  const end = rows.at(-1)?.seq ?? 0
  return {
    lines: rows.map(toLine),
    last: forward && full ? end : Math.max(end, range.to, after ?? 0),
    first: full || forward ? (rows[0]?.seq ?? null) : null,
    removed: await findRemoved(db, query, full),
  }
}

/** What was in the stretch that was asked for and is gone. */
async function findRemoved(
  db: Db,
  { repo, after, before }: Query,
  full: boolean,
): Promise<Output<'logger.query'>['removed']> {
  // The newest lines stand without a word of older ones, unless there is nothing older.
  if (after === undefined && full) return null
  const usage = await findUsage(db, repo)
  if (!usage || usage.removed_until <= (after ?? 0)) return null
  if (before !== undefined && before <= 1) return null
  return { lines: usage.removed_lines, until: usage.removed_until }
}

const findUsage = (db: Db, repo: string) =>
  db.selectFrom('logger_usage').selectAll().where('repo', '=', repo).executeTakeFirst()

/** Sequence numbers that one statement looks at: a filter that nothing fits reads all lines, and others come in between. */
export const STRETCH = 20_000

/** In stretches, from the end that is asked for; the store gives others their turn between two statements. */
async function findRows(db: Db, query: Query, range: Range, forward: boolean): Promise<Row[]> {
  const oldest = await db
    .selectFrom('logger_lines')
    .select('seq')
    .where('repo', '=', query.repo)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  const rows: Row[] = []
  const whole = { ...range, from: Math.max(range.from, oldest?.seq ?? Infinity) }
  for (const stretch of stretchesOf(whole, forward)) {
    if (rows.length >= query.limit) break
    rows.push(...(await findStretch(db, { ...query, limit: query.limit - rows.length }, stretch, forward)))
  }
  return rows
}

function* stretchesOf({ from, to }: Range, forward: boolean): Generator<Range> {
  if (forward)
    for (let at = from; at <= to; at += STRETCH) yield { from: at, to: Math.min(to, at + STRETCH - 1) }
  else for (let at = to; at >= from; at -= STRETCH) yield { from: Math.max(from, at - STRETCH + 1), to: at }
}

async function findStretch(db: Db, query: Query, range: Range, forward: boolean): Promise<Row[]> {
  const { text = '', limit } = query
  const trigrams = trigramsOf(text)
  if (trigrams.length === 0) return findIn(db, query, range, forward, limit)
  const { last: indexed } = await db.selectFrom('logger_indexed').select('last').executeTakeFirstOrThrow()
  const usage = await findUsage(db, query.repo)
  if (!usage) return []
  const old = { ...range, to: Math.min(range.to, indexed) }
  const fresh = { ...range, from: Math.max(range.from, indexed + 1) }
  const searches = [
    (most: number) => findIndexed(db, query, matching(trigrams, usage.id), old, forward, most),
    (most: number) => findIn(db, query, fresh, forward, most),
  ]
  const found: Row[] = []
  for (const search of forward ? searches : searches.reverse())
    if (found.length < limit) found.push(...(await search(limit - found.length)))
  return found
}

/** Read as they are. */
async function findIn(
  db: Db,
  query: Query,
  { from, to }: Range,
  forward: boolean,
  limit: number,
): Promise<Row[]> {
  if (from > to) return []
  return await db
    .selectFrom('logger_lines')
    .selectAll()
    .where(conditions(query))
    .where('seq', '>=', from)
    .where('seq', '<=', to)
    .orderBy('seq', forward ? 'asc' : 'desc')
    .limit(limit)
    .execute()
}

/** By the index: each hit names a line that may fit. The cross join keeps SQLite from reading every line instead. */
async function findIndexed(
  db: Db,
  query: Query,
  match: RawBuilder<SqlBool>,
  { from, to }: Range,
  forward: boolean,
  limit: number,
): Promise<Row[]> {
  if (from > to) return []
  const direction = forward ? sql`asc` : sql`desc`
  const { rows } = await sql<Row>`select logger_lines.* from logger_text cross join logger_lines
    on logger_lines.repo = ${query.repo} and logger_lines.seq = logger_text.rowid
    where ${match} and logger_text.rowid between ${from} and ${to}
      and ${conditions(query)}
    order by logger_text.rowid ${direction} limit ${limit}`.execute(db)
  return rows
}

function conditions({ repo, since, until, level, text, ...query }: Query) {
  const parts = [sql`repo = ${repo}`]
  for (const field of ['node', 'task', 'work', 'step', 'service', 'stream'] as const)
    if (query[field] !== undefined) parts.push(sql`${sql.ref(field)} = ${query[field]}`)
  if (level !== undefined) parts.push(sql`level in (${sql.join(levels.slice(levels.indexOf(level)))})`)
  if (since !== undefined) parts.push(sql`at >= ${since}`)
  if (until !== undefined) parts.push(sql`at <= ${until}`)
  if (text) parts.push(containing(text))
  return sql<boolean>`${sql.join(parts, sql` and `)}`
}

export function toLine({ repo, seq, at, node, task, work, step, service, stream, level, text }: Row): Line {
  const line: Line = { seq, at, repo, stream, level, text }
  // Adding is far cheaper than deleting.
  if (node !== null) line.node = node
  if (task !== null) line.task = task
  if (work !== null) line.work = work
  if (step !== null) line.step = step
  if (service !== null) line.service = service
  return line
}
