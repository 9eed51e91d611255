import type { AskContext } from '#bus'
import type { Input, Output } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import type { Reads } from './reads.ts'
import type { Wakes } from './wakes.ts'

/** Another process may write to the same store: it wakes nobody here. */
const POLL = 2000

/** Answers a query; with `wait`, an empty answer only after so many milliseconds. */
export function createTail(reads: Reads, clock: Clock, wakes: Wakes) {
  return async (query: Input<'logger.query'>, { signal }: AskContext): Promise<Output<'logger.query'>> => {
    const until = clock.steady() + (query.wait ?? 0)
    let found = await reads.find(query)
    while (found.lines.length === 0 && clock.steady() < until && !signal.aborted) {
      // Listens before it looks: a line that comes between is not missed.
      const listener = wakes.listen(query.repo, Math.min(until - clock.steady(), POLL), signal)
      try {
        found = await reads.find({ ...query, after: found.last })
        if (found.lines.length === 0) await listener.settled
      } finally {
        listener.stop()
      }
      if (found.lines.length === 0) found = await reads.find({ ...query, after: found.last })
    }
    return found
  }
}
