import type { Consent } from '#contracts/tasker.ts'
import type { Blocker, Decision } from './dispatch.ts'
import { clockTime, describeWork, duration } from './lines.ts'
import { approvers, missing } from './runs/consent.ts'
import type { WorkRow } from './tables.ts'

/** Error code of shazam: a value of another node is not known yet. */
export const UNRESOLVED = 'unresolved'

interface Waiting {
  work: WorkRow
  decision: Decision
  works: ReadonlyMap<string, WorkRow>
  now: number
  /** Of a run that waits for it, or has waited. */
  consent: Consent | undefined
}

/** Why a work waits, as a sentence; null when it does not, or is about to start. */
export function waitSentence({ work, decision, works, now, consent }: Waiting): string | null {
  const blocker = work.state === 'waiting' ? decision.blocked.get(work.id) : undefined
  if (!blocker) return null
  if (blocker.why === 'time' && consent && missing(consent))
    return `waits for approval by ${approvers(consent)}, until ${clockTime(consent.until)}`
  if (blocker.why === 'time') return pauseSentence(work, blocker.at - now)
  if (blocker.why === 'limit') return 'waits for a place: as many works run as may'
  return nodeSentence(blocker, works.get(blocker.work), now)
}

function pauseSentence(work: WorkRow, ms: number): string {
  if (work.attempt === 1) return `starts in ${duration(ms)}, with all that changes until then`
  if (work.error_code === UNRESOLVED) return `waits for another node: ${work.error}`
  return `next attempt ${work.attempt} in ${duration(ms)}: ${work.error}`
}

function nodeSentence(blocker: Blocker & { why: 'node' }, holder: WorkRow | undefined, now: number): string {
  if (!holder) return `waits for node ${blocker.node}`
  const what = `waits for node ${blocker.node}: ${describeWork(holder)}`
  if (holder.state === 'waiting') return `${what} came before and waits too`
  return `${what}, ${duration(now - (holder.started_at ?? now))}`
}
