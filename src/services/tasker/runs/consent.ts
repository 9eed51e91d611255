import type { Kysely } from 'kysely'
import type { Task } from '#contracts/descriptors.ts'
import type { Consent } from '#contracts/tasker.ts'
import { Problem } from '#kit/problem.ts'
import { reschedule } from '../queue.ts'
import { cancelWork } from '../states.ts'
import { causeOf, type Tables, type WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import { announceEnd } from './finish.ts'
import { skipPending } from './steps.ts'

/** Seconds that an approval which only the settings require is waited for. */
const WITHIN = 86_400

/**
 * A task as the setting `approval_required` binds it. Whoever may push can write any `approval` into a descriptor, also
 * one that names themselves: what the setting names needs an admin, or the owner where the descriptor says so.
 */
export function boundTask(task: Task, required: readonly string[] = []): Task {
  if (!required.some((pattern) => matchesTask(pattern, task.id))) return task
  const { by, within = WITHIN, other = false } = task.approval ?? {}
  return { ...task, approval: { by: by === 'owner' ? 'owner' : 'admin', within, other } }
}

const matchesTask = (pattern: string, id: string): boolean =>
  new RegExp(`^${pattern.split('*').map(RegExp.escape).join('.*')}$`).test(id)

export function consentOf({ approval }: Task, now: number): string | null {
  if (!approval) return null
  const { by, other, within } = approval
  const consent: Consent = { by, other, until: now + within * 1000, given: null }
  return JSON.stringify(consent)
}

export const missing = (consent: Consent | null): consent is Consent =>
  consent !== null && consent.given === null

export async function findConsent(db: Kysely<Tables>, run: string): Promise<Consent | null> {
  const row = await db.selectFrom('tasker_runs').select('consent').where('work', '=', run).executeTakeFirst()
  return row?.consent ? JSON.parse(row.consent) : null
}

export async function consentsOf(db: Kysely<Tables>, runs: readonly string[]): Promise<Map<string, Consent>> {
  if (runs.length === 0) return new Map()
  const rows = await db
    .selectFrom('tasker_runs')
    .select(['work', 'consent'])
    .where('work', 'in', runs)
    .where('consent', 'is not', null)
    .execute()
  return new Map(rows.map(({ work, consent }) => [work, JSON.parse(consent ?? 'null') as Consent]))
}

/** `an admin`, `ann or bob` */
export const approvers = ({ by }: Pick<Consent, 'by'>): string =>
  typeof by === 'string'
    ? { write: 'somebody who may write', admin: 'an admin', owner: 'the owner' }[by]
    : by.join(' or ')

/** The run begins as soon as its nodes are free. */
export async function giveConsent(turn: Turn, work: WorkRow, consent: Consent, by: string): Promise<void> {
  const given: Consent = { ...consent, given: { by, at: turn.now } }
  await turn.db
    .updateTable('tasker_runs')
    .set({ consent: JSON.stringify(given) })
    .where('work', '=', work.id)
    .execute()
  await reschedule(turn, work.id, turn.now)
  turn.note({
    repo: work.repo,
    task: work.task ?? '',
    work: work.id,
    level: 'info',
    text: `run of ${work.task} approved by ${by}`,
  })
}

/** `why`: a sentence after `refused by ann`, or that nobody answered. */
export async function withholdConsent(turn: Turn, work: WorkRow, why: string): Promise<void> {
  await cancelWork(turn, work, why, why)
  await skipPending(turn, work.id)
  await announceEnd(turn, work, why)
  turn.note({
    repo: work.repo,
    task: work.task ?? '',
    work: work.id,
    level: 'warn',
    text: `run of ${work.task} ended: ${why}`,
  })
}

/** Whether `by` is one of those who may. Throws `forbidden` with who could, `conflict` when nothing waits for it. */
export function judgeConsent(work: WorkRow, consent: Consent | null, by: string, mayRole: boolean): Consent {
  if (work.state !== 'waiting' || !missing(consent))
    throw new Problem('conflict', {
      reason: `Run ${work.id} waits for nobody's approval: it is ${work.state}`,
    })
  const may = typeof consent.by === 'string' ? mayRole : consent.by.includes(by)
  if (!may)
    throw new Problem('forbidden', {
      user: by,
      action: `approve or refuse this run: that is for ${approvers(consent)}`,
    })
  return consent
}

/** Who started it cannot be the second pair of eyes. */
export function judgeStarter(work: WorkRow, { other }: Consent, by: string): void {
  if (other && causeOf(work).by === by)
    throw new Problem('forbidden', {
      user: by,
      action: 'approve a run that he started: it needs somebody else (approval.other)',
    })
}
