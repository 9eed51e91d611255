import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { NewLine } from '#contracts/logger.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import { logger } from '#services/logger/index.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'

const repo = 'ann/shop'
const WRITERS = 10
const BATCH = 500
const SECONDS = 5
/** Lines a second that the platform must take. */
const RATE = 20_000
const MILLION = 1_000_000

/** Lines in through the bus, each acknowledged when durable; queries by text. One process, one core, file on disk. */
export async function logs(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-bench-logs-'))
  try {
    await using stack = new AsyncDisposableStack()
    const store = stack.use(openSqlite(join(folder, 'store.sqlite')))
    const parts = { store, clock: systemClock, log: silentLog }
    const bus = stack.use(await embeddedBus({ ...parts, source: 'bench' }))
    stack.use(await startService(logger, { ...parts, bus }, {}))
    await measureAppends(bus)
    await measureReaders(bus)
    await fill(bus)
    await measureIndexing(store)
    await measureQueries(bus)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measureAppends(bus: Bus): Promise<void> {
  for (const readers of [0, 1, 10]) {
    const stop = new AbortController()
    const tails = Array.from({ length: readers }, () => tail(bus, stop.signal))
    const started = performance.now()
    const written = await write(bus, started + SECONDS * 1000)
    const seconds = (performance.now() - started) / 1000
    stop.abort()
    await Promise.all(tails)
    console.log(`as fast as it goes, ${readers} tailing readers: ${perSecond(written, seconds)} appended`)
  }
}

const perSecond = (count: number, seconds: number): string =>
  `${Math.round(count / seconds).toLocaleString('en')} lines a second`

/** How far tailing readers are behind when lines come at a steady rate. */
async function measureReaders(bus: Bus): Promise<void> {
  for (const readers of [1, 10]) {
    const stop = new AbortController()
    const tails = Array.from({ length: readers }, () => tail(bus, stop.signal))
    const started = performance.now()
    let written = 0
    for (let now = started; now < started + SECONDS * 1000; now = performance.now()) {
      const due = ((now - started) / 1000) * RATE
      for (; written < due; written += BATCH)
        await bus.ask('logger.append', { lines: batch(written, written + BATCH) })
      await new Promise((done) => setTimeout(done, 1))
    }
    const rate = perSecond(written, (performance.now() - started) / 1000)
    stop.abort()
    const seen = Math.min(...(await Promise.all(tails)))
    console.log(
      `${rate} appended, ${readers} tailing: the slowest saw ${((seen / written) * 100).toFixed(1)} % at once`,
    )
  }
}

const batch = (from: number, to: number): NewLine[] =>
  Array.from({ length: to - from }, (_, i) => line(from + i, i % WRITERS))

async function fill(bus: Bus): Promise<void> {
  const { last } = await bus.ask('logger.query', { repo, limit: 1 })
  for (let count = last; count < MILLION; count += 10_000)
    await bus.ask('logger.append', { lines: batch(count, count + 10_000) })
}

/** Appends go first: after a burst the index has something to catch up with. */
async function measureIndexing(store: Store): Promise<void> {
  const indexed = async () =>
    (
      await store
        .as<{ logger_indexed: { last: number } }>()
        .db.selectFrom('logger_indexed')
        .select('last')
        .executeTakeFirstOrThrow()
    ).last
  const newest = async () =>
    (
      await store
        .as<{ logger_sequence: { last: number } }>()
        .db.selectFrom('logger_sequence')
        .select('last')
        .executeTakeFirstOrThrow()
    ).last
  const from = await indexed()
  const to = await newest()
  const started = performance.now()
  while ((await indexed()) < to) await new Promise((done) => setTimeout(done, 5))
  console.log(`indexed behind the burst: ${perSecond(to - from, (performance.now() - started) / 1000)}`)
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

async function tail(bus: Bus, signal: AbortSignal): Promise<number> {
  let { last: after } = await bus.ask('logger.query', { repo, limit: 1 })
  let seen = 0
  while (!signal.aborted) {
    const answer = await bus.ask('logger.query', { repo, after, limit: 1000, wait: 500 })
    seen += answer.lines.length
    after = answer.last
  }
  return seen
}

async function measureQueries(bus: Bus): Promise<void> {
  const { last: total } = await bus.ask('logger.query', { repo, limit: 1 })
  console.log(`queries by text over ${total.toLocaleString('en')} lines, the newest 100 that fit:`)
  const ids = [7, Math.floor(total / 2), total - 5].map(idOf)
  for (const text of [...ids, 'connection refused', 'reload nginx', 'is in no line', 'ab']) {
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

const words =
  `get post nginx reload systemd started unit package apt install error warning failed connection refused
from port user deploy task node web db cache key value index listen socket worker process`.split(/\s+/)

const idOf = (i: number): string => ((i * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')

function line(i: number, writer: number): NewLine {
  const some = Array.from({ length: 8 }, (_, k) => words[(i * 7 + k * 13 + ((i >> k) & 15)) % words.length])
  return {
    at: 1_767_225_600_000 + i,
    repo,
    node: `web${writer}`,
    work: `w${writer}`,
    step: 1,
    stream: 'stdout',
    level: 'info',
    text: `app[${i % 5000}]: ${some.join(' ')} request=${idOf(i)}`,
  }
}
