/** The only source of time for a service, so that a test can hold it in its hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs `act` once after `ms` milliseconds unless the returned undo is called first. */
  after(ms: number, act: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
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
