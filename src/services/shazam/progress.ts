import { sleep } from '#kit/clock.ts'
import type { Effort } from './nodes.ts'

/** Where an apply is: the thing that is at work now, from 1. */
export interface Place {
  at: number
  of: number
  resource: string
}

/** Milliseconds between two reports. */
const PAUSE = 1000

export interface Reporter extends Disposable {
  report(place: Place): void
}

/**
 * Reports to the tasker where a sync is, at most once a second and one report at a time: what comes meanwhile is dropped
 * for the newest. A report that is lost costs a line of `devops status`, so a failure is logged and no more is done.
 */
export function openReporter({ shazam, job }: Pick<Effort, 'shazam' | 'job'>): Reporter {
  const { bus, clock, log } = shazam
  const closing = new AbortController()
  let sending = false
  let newest: (Place & { since: number }) | undefined

  async function send(): Promise<void> {
    sending = true
    while (newest && !closing.signal.aborted) {
      const progress = newest
      newest = undefined
      const { repo, work, attempt } = job
      await bus
        .ask('tasker.note_progress', { repo, work, attempt, progress }, { deadline: 5000 })
        .catch((error: unknown) => log.debug({ err: error, work }, 'where a sync is could not be reported'))
      await sleep(clock, PAUSE, closing.signal)
    }
    sending = false
  }

  return {
    report(place) {
      newest = { ...place, since: clock.now() }
      if (!sending) void send()
    },
    [Symbol.dispose]: () => closing.abort(),
  }
}
