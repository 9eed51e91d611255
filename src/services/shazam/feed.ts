import type { Bus } from '#bus'
import type { NewLine } from '#contracts/logger.ts'
import { type Clock, sleep } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'

/** What all lines of one work have in common. */
export type About = Pick<NewLine, 'repo' | 'node' | 'task' | 'work' | 'step'>

export interface Feed {
  line(stream: NewLine['stream'], text: string, level?: NewLine['level']): void
  /** Resolves at once while there is room; else when the logger has caught up: that is what holds a stream back. */
  room(): Promise<void>
  /** Resolves when the logger has all that was given. Rejects when it refuses. */
  flush(): Promise<void>
  /**
   * Forgets what the logger does not have yet, takes no more, and resolves when nothing is on its way: whoever takes over
   * looks at what the logger has, and goes on from there.
   */
  drop(): Promise<void>
}

/** Milliseconds in which so many appends go at once; more wait and go together, unless a whole batch is there. */
const PAUSE = 50
const BURST = 3
const BATCH = 500
const ROOM = 4 * BATCH
/** Characters; a longer line comes in pieces. */
const LONGEST = 16 * 1024
/** Milliseconds that a logger which refuses is tried. */
const PATIENCE = 60_000
/** Milliseconds for one answer: a question that is given up may be carried out all the same, and lines would come twice. */
const ANSWER = 3_600_000

interface FeedParts {
  bus: Bus
  clock: Clock
  log: Log
}

/**
 * Lines to the logger while they happen: the first ones go at once, what comes in quick succession goes together. One
 * append at a time, so the order is kept. A failed append is repeated until it is durable. One that is slow is not: the logger
 * answers when the lines are durable or refused, so that none is missing and none comes twice.
 */
export function openFeed({ bus, clock, log }: FeedParts, about: About): Feed {
  const queue: NewLine[] = []
  const changed = new Set<() => void>()
  let pump: Promise<void> | undefined
  let hurry = false
  let failure: unknown
  const dropping = new AbortController()
  /** When the last appends were made, the oldest first. */
  const made: number[] = []

  const tell = () => {
    for (const act of changed) act()
    changed.clear()
  }
  const change = () => new Promise<void>((resolve) => changed.add(resolve))

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, BATCH)
      await append(batch)
      queue.splice(0, batch.length)
      tell()
      made.push(clock.steady())
      if (made.length > BURST) made.shift()
      const wait = made.length < BURST ? 0 : (made[0] ?? 0) + PAUSE - clock.steady()
      if (wait > 0 && queue.length < BATCH && !hurry) await pause(wait)
    }
  }

  /** Ends early when a batch is full, or somebody waits for the end. */
  async function pause(time: number): Promise<void> {
    const over = new AbortController()
    const slept = sleep(clock, time, over.signal)
    while (queue.length < BATCH && !hurry && !over.signal.aborted) {
      const done = await Promise.race([slept.then(() => true), change().then(() => false)])
      if (done) return
    }
    over.abort()
  }

  async function append(lines: NewLine[]): Promise<void> {
    let end: number | undefined
    for (let wait = 100; ; wait = Math.min(wait * 2, 5000)) {
      try {
        await bus.ask('logger.append', { lines }, { deadline: ANSWER })
        return
      } catch (error) {
        end ??= clock.steady() + PATIENCE
        if (dropping.signal.aborted || clock.steady() + wait > end) throw error
        log.warn(
          { err: error, lines: lines.length },
          'lines could not be handed to the logger, will try again',
        )
        await sleep(clock, wait, dropping.signal)
        if (dropping.signal.aborted) throw error
      }
    }
  }

  function start(): void {
    if (pump || failure !== undefined) return
    pump = run()
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => {
        pump = undefined
        tell()
        if (queue.length > 0) start()
      })
  }

  return {
    line(stream, text, level = stream === 'stderr' ? 'warn' : 'info') {
      if (dropping.signal.aborted) return
      const at = clock.now()
      for (const piece of pieces(text)) queue.push({ ...about, at, stream, level, text: piece })
      tell()
      start()
    },
    async room() {
      while (queue.length > ROOM && failure === undefined) await change()
      if (failure !== undefined) throw failure
    },
    async flush() {
      hurry = true
      tell()
      while (pump) await pump
      hurry = false
      if (failure !== undefined) throw failure
    },
    async drop() {
      dropping.abort()
      queue.length = 0
      hurry = true
      tell()
      while (pump) await pump
    },
  }
}

/** Never cuts a character in two. */
function pieces(text: string): string[] {
  if (text.length <= LONGEST) return [text]
  const found: string[] = []
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + LONGEST, text.length)
    if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1] ?? '')) to--
    found.push(text.slice(from, to))
    from = to
  }
  return found
}
