import { sql } from 'kysely'
import { type Line, platformLines } from '#contracts/logger.ts'
import { type Clock, sleep } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { Store } from '#store'
import { toLine } from '../query.ts'
import type { Tables } from '../tables.ts'
import type { Sink } from './sink.ts'

/** Sequence numbers at a time. */
const BATCH = 1000
/** Milliseconds between tries of a sink that fails: at first, and at most. */
const PAUSE = { first: 500, most: 30_000 }
/** Another process may write to the same store. */
const POLL = 2000

interface ForwarderParts {
  store: Store<Tables>
  clock: Clock
  log: Log
  /** Resolves when there may be new lines, or after `ms`. */
  newLines(ms: number, signal: AbortSignal): Promise<void>
}

/**
 * Sends every line of every repository to a sink, in order, at least once, over restarts of both: how far it has got is
 * kept in the store. It begins with the lines that come after its first start. Lines that retention took before they
 * could be sent are counted, and the sink is told.
 */
export function startForwarder(parts: ForwarderParts, sink: Sink): AsyncDisposable {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = run(parts, sink, signal).catch((error: unknown) => {
    if (!signal.aborted) parts.log.error({ err: error, sink: sink.name }, 'lines are forwarded no more')
  })
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await sink[Symbol.asyncDispose]()
    },
  }
}

async function run(
  { store, clock, log, newLines }: ForwarderParts,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  let pause = PAUSE.first
  while (!signal.aborted) {
    try {
      const sent = await forwardNext(store, clock, sink, signal)
      pause = PAUSE.first
      if (!sent) await newLines(POLL, signal)
    } catch (error) {
      if (signal.aborted) return
      log.warn({ err: error, sink: sink.name, pause }, 'lines could not be forwarded, will try again')
      await sleep(clock, pause, signal)
      pause = Math.min(pause * 2, PAUSE.most)
    }
  }
}

/** Whether there was anything to send. */
async function forwardNext(
  store: Store<Tables>,
  clock: Clock,
  sink: Sink,
  signal: AbortSignal,
): Promise<boolean> {
  const from = await placeOf(store, sink.name)
  const { last: newest } = await store.db
    .selectFrom('logger_sequence')
    .select('last')
    .executeTakeFirstOrThrow()
  const to = Math.min(from + BATCH, newest)
  if (to <= from) return false
  const lines = await findBetween(store, from, to)
  const lost = to - from - lines.length
  await sink.send(lost > 0 ? [gapLine(lost, from, clock.now()), ...lines] : lines, signal)
  await store.transaction(async ({ db }) => {
    await db.updateTable('logger_forwards').set({ last: to }).where('name', '=', sink.name).execute()
  })
  return true
}

/** Numbers have no holes but those that retention made. */
const gapLine = (lost: number, from: number, at: number): Line => ({
  seq: from + 1,
  at,
  repo: platformLines,
  service: 'logger',
  stream: 'platform',
  level: 'warn',
  text: `${lost} lines after number ${from} were removed before they could be forwarded`,
})

const placeOf = (store: Store<Tables>, name: string): Promise<number> =>
  store.transaction(async ({ db }) => {
    const known = await db
      .selectFrom('logger_forwards')
      .select('last')
      .where('name', '=', name)
      .executeTakeFirst()
    if (known) return known.last
    const { last } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
    await db.insertInto('logger_forwards').values({ name, last }).execute()
    return last
  })

/** Over all repositories; the index of lines is by repository first. */
async function findBetween({ db }: Store<Tables>, from: number, to: number): Promise<Line[]> {
  const { rows } = await sql<Tables['logger_lines']>`select line.*
    from logger_usage usage cross join logger_lines line on line.repo = usage.repo
    where line.seq > ${from} and line.seq <= ${to} order by line.seq`.execute(db)
  return rows.map(toLine)
}
