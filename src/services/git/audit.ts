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

/** Characters of the reason of a refusal: a push can be wrong in many places. */
const REASON = 500

/**
 * Records a push that is refused, and why. Never throws: the push is refused in any case. One that asked to be refused
 * (`-o dry-run`) is no attempt.
 */
export async function recordRefusal(
  { bus, log }: { bus: Bus; log: Log },
  admission: Admission,
  updates: readonly Update[],
  verdict: Pick<Verdict, 'lines' | 'refusal' | 'findings'>,
): Promise<void> {
  if (verdict.refusal === 'dry run') return
  const { details, ...record } = recordOf(admission, updates)
  const why = reasonOf(verdict)
  await bus
    .ask('profiles.record_audit', { ...record, details: { ...details, why }, outcome: 'refused' })
    .catch((error) => log.error({ err: error, repo: admission.repo }, 'a refusal could not be recorded'))
}

/** A plan may stand before it; the refusal comes last. Of findings the first says more than their number. */
function reasonOf({ lines, findings = [] }: Pick<Verdict, 'lines' | 'findings'>): string {
  const from = lines.findLastIndex((line) => line.startsWith('Refused'))
  const said = lines.slice(Math.max(from, 0)).map((line) => line.trim())
  const text = [...said, ...findings.slice(0, 1)].filter(Boolean).join(' ')
  return text.length > REASON ? `${text.slice(0, REASON)}…` : text
}

export function unrecorded(error: unknown): Verdict {
  const { message, next } = Problem.of(error)
  return { accepted: false, lines: [inert(`Refused: ${message}. ${next}`)] }
}
