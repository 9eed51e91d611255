import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** Milliseconds between two looks, and how far the clocks may drift apart in that time: time servers turn it slowly. */
const EVERY = 5_000
const DRIFT = 1_000

/**
 * Says in the log when somebody sets the wall clock. What waits for a time of day, as crons do, follows the new time; leases,
 * pauses and time limits do not move.
 */
export function watchClock(clock: Clock, log: Log): Disposable {
  let ahead = clock.now() - clock.steady()
  let cancel = clock.after(EVERY, look)
  return { [Symbol.dispose]: () => cancel() }

  function look(): void {
    const now = clock.now() - clock.steady()
    const seconds = Math.round((now - ahead) / 1000)
    if (Math.abs(now - ahead) > DRIFT)
      log.warn(
        { seconds },
        `the wall clock was set ${seconds > 0 ? 'forward' : 'back'} by ${Math.abs(seconds)} s`,
      )
    ahead = now
    cancel = clock.after(EVERY, look)
  }
}
