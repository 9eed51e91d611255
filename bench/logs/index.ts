import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import { logger } from '#services/logger/index.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { BATCH, batch, idOf, line, perSecond, repo, WRITERS } from './lines.ts'
import { measurePaced } from './paced.ts'
import { newestOf, tail } from './tail.ts'

const SECONDS = 5
const MILLION = 1_000_000
/** Lines before the clock starts, so that the index has something to catch up with. */
const BURST = 200_000
const READERS = [0, 1, 10]

/** Lines in through the bus, each acknowledged when durable; queries by text. One process, one core, file on disk. */
export async function logs(): Promise<void> {
  console.log(`load of the machine: ${loadavg().map((each) => each.toFixed(2))}`)
  await withLogger(async (bus, behind) => {
    for (const readers of READERS) await measureFastest(bus, readers)
    console.log('at 20,000 lines a second while the index catches up:')
    for (const readers of READERS) {
      await fill(bus, (await newestOf(bus)) + BURST)
      await measurePaced(bus, readers, behind)
    }
    await caughtUp(behind)
    console.log('at 20,000 lines a second when the index has caught up before:')
    for (const readers of READERS) await measurePaced(bus, readers, behind)
  })
  await withLogger(async (bus, behind) => {
    await fill(bus, MILLION)
    await measureQueries(bus, behind)
    await measureIndexing(behind)
    await measureQueries(bus, behind)
  })
}

async function withLogger(act: (bus: Bus, behind: () => Promise<number>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-bench-logs-'))
  try {
    await using stack = new AsyncDisposableStack()
    const store = stack.use(openSqlite(join(folder, 'store.sqlite')))
    const parts = { store, clock: systemClock, log: silentLog }
    const bus = stack.use(await embeddedBus({ ...parts, source: 'bench' }))
    stack.use(await startService(logger, { ...parts, bus }, {}))
    await act(bus, () => linesBehind(store))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measureFastest(bus: Bus, readers: number): Promise<void> {
  const stop = new AbortController()
  const start = await newestOf(bus)
  const tails = Array.from({ length: readers }, () => tail(bus, start, stop.signal, () => {}))
  const started = performance.now()
  const written = await write(bus, started + SECONDS * 1000)
  const seconds = (performance.now() - started) / 1000
  stop.abort()
  await Promise.all(tails)
  console.log(`as fast as it goes, ${readers} tailing readers: ${perSecond(written, seconds)} appended`)
}

/** Lines written by several at once until a time of `performance.now()`. */
async function write(bus: Bus, until: number): Promise<number> {
  let count = 0
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      while (performance.now() < until) {
        const lines = Array.from({ length: BATCH }, () => line(count++, writer))
        await bus.ask('logger.append', { lines })
      }
    }),
  )
  return count
}

async function fill(bus: Bus, until: number): Promise<void> {
  for (let count = await newestOf(bus); count < until; count += 10_000)
    await bus.ask('logger.append', { lines: batch(count, count + 10_000) })
}

interface Counters {
  logger_indexed: { last: number }
  logger_sequence: { last: number }
}

/** Lines that are not in the full-text index yet. */
async function linesBehind(store: Store): Promise<number> {
  const { db } = store.as<Counters>()
  const indexed = await db.selectFrom('logger_indexed').select('last').executeTakeFirstOrThrow()
  const newest = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
  return newest.last - indexed.last
}

async function caughtUp(behind: () => Promise<number>): Promise<void> {
  while ((await behind()) > 0) await new Promise((done) => setTimeout(done, 5))
}

/** Appends go first: after a burst the index has something to catch up with. */
async function measureIndexing(behind: () => Promise<number>): Promise<void> {
  const lines = await behind()
  const started = performance.now()
  await caughtUp(behind)
  console.log(`indexed after the burst: ${perSecond(lines, (performance.now() - started) / 1000)}`)
}

async function measureQueries(bus: Bus, behind: () => Promise<number>): Promise<void> {
  const total = await newestOf(bus)
  const [lines, late] = [total.toLocaleString('en'), (await behind()).toLocaleString('en')]
  console.log(`queries by text over ${lines} lines, ${late} not in the index yet, the newest 100 that fit:`)
  const ids = [7, Math.floor(total / 2), total - 5].map(idOf)
  for (const text of [...ids, 'connection refused', 'reload nginx', 'key value', 'is in no line', 'ab']) {
    const times: number[] = []
    let found = 0
    for (let i = 0; i < 5; i++) {
      const started = performance.now()
      found = (await bus.ask('logger.query', { repo, text, limit: 100 })).lines.length
      times.push(performance.now() - started)
    }
    const median = times.toSorted((a, b) => a - b)[2] ?? 0
    console.log(`  ${JSON.stringify(text)}: ${median.toFixed(1)} ms, ${found} lines`)
  }
}
