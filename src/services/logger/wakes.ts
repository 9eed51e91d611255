import type { Clock } from '#kit/clock.ts'

/** Stands for every repository. */
export const EVERYTHING = '*'

/** Wakes those who wait for lines of a repository, or of any. */
export class Wakes {
  readonly #clock: Clock
  readonly #waiters = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wake(repos: Iterable<string>): void {
    for (const repo of [...repos, EVERYTHING]) for (const done of [...(this.#waiters.get(repo) ?? [])]) done()
  }

  wakeAll(): void {
    this.wake([...this.#waiters.keys()])
  }

  /** Begins to listen at once; `settled` resolves at the first line, after `ms`, or when a signal aborts. */
  listen(repo: string, ms: number, signal: AbortSignal): { settled: Promise<void>; stop(): void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiters = this.#waiters.get(repo) ?? new Set()
    this.#waiters.set(repo, waiters)
    const undo = this.#clock.after(ms, stop)
    waiters.add(stop)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const map = this.#waiters
    return { settled: promise, stop }

    function stop() {
      undo()
      signal.removeEventListener('abort', stop)
      waiters.delete(stop)
      if (waiters.size === 0 && map.get(repo) === waiters) map.delete(repo)
      resolve()
    }
  }
}
