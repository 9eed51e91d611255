import type { Bus } from '#bus'
import { type NewLine, platformLines } from '#contracts/logger.ts'
import { type Clock, sleep } from '#kit/clock.ts'
import { createLog, type Log } from '#kit/log.ts'

/** Entries that wait for the logger; the oldest go when there are more, and are counted. */
const MOST = 10_000
const BATCH = 1000
/** Milliseconds between two hand-overs. */
const PAUSE = 200

/** Levels of pino. */
const levelOf = (level: number): NewLine['level'] =>
  level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug'

/** The platform's own log: on stderr, and as lines of the logger service once that answers. */
export function platformLog(level: string): { log: Log; handOver(bus: Bus, clock: Clock): AsyncDisposable } {
  const waiting: NewLine[] = []
  let lost = 0
  const log = createLog(level, undefined, (entry) => {
    waiting.push(lineOf(entry))
    if (waiting.length > MOST) lost += waiting.splice(0, waiting.length - MOST).length
  })

  async function append(bus: Bus): Promise<void> {
    while (waiting.length > 0) {
      const lines = waiting.slice(0, BATCH)
      if (lost > 0 && lines[0])
        lines[0] = { ...lines[0], text: `(${lost} entries before this were lost) ${lines[0].text}` }
      await bus.ask('logger.append', { lines })
      waiting.splice(0, lines.length)
      lost = 0
    }
  }

  return {
    log,
    handOver(bus, clock) {
      const stopping = new AbortController()
      const running = (async () => {
        while (!stopping.signal.aborted) {
          // A word on that in the log would come back here: what waits is tried again.
          await append(bus).catch(() => {})
          await sleep(clock, PAUSE, stopping.signal)
        }
        await append(bus).catch(() => {})
      })()
      return {
        async [Symbol.asyncDispose]() {
          stopping.abort()
          await running
        },
      }
    },
  }
}

/** An entry as pino wrote it, what is secret hidden already. */
function lineOf(entry: string): NewLine {
  const { level, time, service, msg, err, ...rest } = JSON.parse(entry)
  const more = { ...rest, ...(err ? { error: err.message ?? String(err) } : {}) }
  const text = Object.keys(more).length > 0 ? `${msg} ${JSON.stringify(more)}` : String(msg)
  return {
    at: time,
    repo: platformLines,
    ...(typeof service === 'string' ? { service: service.slice(0, 64) } : {}),
    stream: 'platform',
    level: levelOf(level),
    text: text.slice(0, 65_536),
  }
}
