/** The only source of time for a service, so that a test can hold it in its hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Milliseconds that only ever go forward, at the pace of time: people and time servers set `now()`, and nothing sets this.
   * For leases, time limits and pauses. Near the epoch's milliseconds, but another process has another zero.
   */
  steady(): number
  /** Runs `act` once after `ms` milliseconds unless the returned undo is called first. */
  after(ms: number, act: () => void): () => void
}

/** Milliseconds: Node's own timers fire at once when asked for more. */
const LONGEST_TIMER = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  // Whole: what is measured by it is told in whole milliseconds.
  steady: () => Math.floor(performance.timeOrigin + performance.now()),
  after(ms, act) {
    let timer: NodeJS.Timeout
    arm(ms)
    return () => clearTimeout(timer)

    function arm(left: number): void {
      const now = Math.min(left, LONGEST_TIMER)
      timer = setTimeout(now < left ? () => arm(left - now) : act, now)
    }
  },
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const undo = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
    function done() {
      undo()
      signal?.removeEventListener('abort', done)
      resolve()
    }
  })
}
