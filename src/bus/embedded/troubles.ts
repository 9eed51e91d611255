import type { Clock } from '../../kit/clock.ts'
import { sleep } from '../../kit/clock.ts'
import { retryDelay } from '../backoff.ts'

/** Longest pause, in failures: a store that has room again is used within seconds. */
const MOST = 4

/** What does not work at present, and the pauses between its tries. */
export class Troubles {
  readonly #clock: Clock
  readonly #failures = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  any(): boolean {
    return this.#failures.size > 0
  }

  begin(what: string): number {
    const failures = Math.min(MOST, (this.#failures.get(what) ?? 0) + 1)
    this.#failures.set(what, failures)
    return failures
  }

  end(what: string): void {
    this.#failures.delete(what)
  }

  /** Resolves when it is time for the next try, or at once when `signal` aborts. */
  pause(what: string, signal: AbortSignal): Promise<void> {
    return sleep(this.#clock, retryDelay(this.begin(what)), signal)
  }
}
