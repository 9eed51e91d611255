import type { Clock } from '#kit/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time on, runs what falls due in order, and lets what it started settle before the next. */
  advance(ms: number): Promise<void>
  /** Sets the clock, as people and time servers do: timers go on as if nothing had been. */
  jump(ms: number): void
  /** Timers that have not fired: a clean test ends with none. */
  readonly pending: number
}

interface Timer {
  at: number
  act: () => void
}

/** Timers that may fall due at one moment: who arms another for now again and again would hang the test. */
const MOST_AT_ONCE = 2_000

/** 2026-01-01 when `start` is absent. */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start
  /** How far people have set the clock. */
  let jumped = 0
  const timers = new Set<Timer>()
  const nextDue = (until: number): Timer | undefined => {
    let first: Timer | undefined
    for (const timer of timers) if (timer.at <= until && (!first || timer.at < first.at)) first = timer
    return first
  }
  return {
    now: () => now,
    steady: () => now - jumped,
    after(ms, act) {
      const timer = { at: now + Math.max(0, ms), act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      const until = now + ms
      await settle()
      let atOnce = 0
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer)
        atOnce = timer.at > now ? 0 : atOnce + 1
        if (atOnce > MOST_AT_ONCE) throw new Error('timers of no length follow one another without end')
        now = Math.max(now, timer.at)
        timer.act()
        await settle()
      }
      now = until
    },
    jump(ms) {
      now += ms
      jumped += ms
      for (const timer of timers) timer.at += ms
    },
    get pending() {
      return timers.size
    },
  }
}

/** Promises and immediates run to rest. Real I/O does not: wait for that with `until`. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve))
}
