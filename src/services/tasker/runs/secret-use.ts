import type { AuditRecord } from '#contracts/audit.ts'
import type { Cause } from '#contracts/tasker.ts'
import { secretsIn } from '#kit/secret-names.ts'
import { causeSentence } from '../lines.ts'
import { causeOf, type RunStepRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import type { Known } from './known.ts'
import type { Snapshot } from './snapshot.ts'

/** Names in one entry of the audit; the rest is counted. */
const NAMED = 50

/**
 * Records that a step is about to get secrets, whatever started its run. Throws `unaudited`: then nothing of it may leave
 * the platform.
 */
export async function recordSecretUse(
  { bus }: Pick<Tasker, 'bus'>,
  known: Known,
  { work, task }: Snapshot,
  { step, node }: Pick<RunStepRow, 'step' | 'node'>,
  texts: readonly string[],
): Promise<void> {
  const names = secretsIn(texts, known)
  if (names.length === 0) return
  await bus.ask('profiles.record_audit', {
    ...actorOf(causeOf(work)),
    action: 'secret.use',
    repo: work.repo,
    cause: `run ${work.id}: ${causeSentence(work)}`,
    details: {
      secrets: names.slice(0, NAMED),
      ...(names.length > NAMED && { more: names.length - NAMED }),
      run: work.id,
      task: task.id,
      step: step + 1,
      node,
    },
    outcome: 'done',
    of: null,
  })
}

/** A person is the actor of what they start; what starts by itself has its cause. */
export function actorOf({ kind, by }: Cause): Pick<AuditRecord, 'actor' | 'via' | 'credential' | 'from'> {
  const person = ['hand', 'retry', 'push'].includes(kind)
  const sender = kind === 'webhook' && /[.:]/.test(by)
  return { actor: person ? by : null, via: 'platform', credential: null, from: sender ? by : null }
}
