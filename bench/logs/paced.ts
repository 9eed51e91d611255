import { loadavg } from 'node:os'
import type { Bus } from '#bus'
import { BATCH, batch, perSecond } from './lines.ts'
import { newestOf, tail } from './tail.ts'

/** Lines a second that the platform must take. */
const RATE = 20_000
const SECONDS = 5

/** How long appends and tailing readers wait when lines come at a steady rate, whether or not the store keeps up. */
export async function measurePaced(bus: Bus, readers: number, behind: () => Promise<number>): Promise<void> {
  const stop = new AbortController()
  const start = await newestOf(bus)
  const delays: number[] = []
  const counts: number[] = Array.from({ length: readers }, () => 0)
  const tails = counts.map((_, reader) =>
    tail(bus, start, stop.signal, (lines) => {
      const now = Date.now()
      for (const { at } of lines) delays.push(now - at)
      counts[reader] = (counts[reader] ?? 0) + lines.length
    }),
  )
  const atFirst = await behind()
  const used = process.cpuUsage()
  const { written, seconds, waits } = await write(bus)
  const { user, system } = process.cpuUsage(used)
  const atOnce = Math.min(written, ...counts) / written
  const atLast = await behind()
  while (Math.min(written, ...counts) < written) await pause()
  stop.abort()
  await Promise.all(tails)
  console.log(`  ${readers} tailing: ${perSecond(written, seconds)}, acknowledged after ${spread(waits)}`)
  console.log(
    `    ${((user + system) / 1e4 / seconds).toFixed(0)} % of a core, load ${loadavg()[0]?.toFixed(1)}`,
  )
  if (readers > 0)
    console.log(
      `    seen after ${spread(delays)}; the slowest had ${(atOnce * 100).toFixed(1)} % with the last acknowledgement, in the end all had every line once`,
    )
  console.log(`    index behind: ${count(atFirst)} lines at first, ${count(atLast)} at the end`)
}

/** Sends what is due, without waiting for what was sent before; the time ends with the last acknowledgement. */
async function write(bus: Bus) {
  const started = performance.now()
  const waits: number[] = []
  const pending: Promise<void>[] = []
  let written = 0
  for (let now = started; now < started + SECONDS * 1000; now = performance.now()) {
    const due = ((now - started) / 1000) * RATE
    for (; written < due; written += BATCH) pending.push(send(written))
    await pause()
  }
  await Promise.all(pending)
  return { written, seconds: (performance.now() - started) / 1000, waits }

  async function send(from: number): Promise<void> {
    const sent = performance.now()
    await bus.ask('logger.append', { lines: batch(from, from + BATCH, Date.now()) })
    waits.push(performance.now() - sent)
  }
}

const pause = () => new Promise((done) => setTimeout(done, 1))
const count = (lines: number): string => lines.toLocaleString('en')

function spread(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`
}
