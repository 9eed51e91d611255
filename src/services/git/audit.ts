import type { Bus } from '#bus'
import type { AuditRecord } from '#contracts/audit.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import type { Admission } from './access.ts'
import { inert } from './answer.ts'
import type { Update, Verdict } from './hooks.ts'

/** Refs beyond these are counted. */
const NAMED = 20

/** Tells what became of a push that was recorded. Never throws: what was done is done. */
export type PushEnd = (outcome: 'done' | 'failed') => Promise<void>

/** Records an accepted push before git moves its refs. Throws `unaudited`: then the push is refused. */
export async function recordPush(
  { bus, log }: { bus: Bus; log: Log },
  admission: Admission,
  updates: readonly Update[],
): Promise<PushEnd> {
  const record = recordOf(admission, updates)
  const { seq } = await bus.ask('profiles.record_audit', record)
  return async (outcome) => {
    await bus
      .ask('profiles.record_audit', { ...record, details: {}, outcome, of: seq })
      .catch((error) => log.error({ err: error, of: seq }, 'the outcome of a push could not be recorded'))
  }
}

const recordOf = ({ repo, caller }: Admission, updates: readonly Update[]): AuditRecord => ({
  actor: caller.identity.user,
  via: caller.identity.via,
  credential: caller.identity.credential,
  from: caller.from,
  action: 'git.push',
  repo,
  cause: `git push over ${caller.door}`,
  details: {
    refs: updates.slice(0, NAMED).map(({ ref, before, after }) => ({ ref, before, after })),
    ...(updates.length > NAMED && { more: updates.length - NAMED }),
  },
  outcome: 'intent',
  of: null,
})

export function unrecorded(error: unknown): Verdict {
  const { message, next } = Problem.of(error)
  return { accepted: false, lines: [inert(`Refused: ${message}. ${next}`)] }
}
