import type { WorkState } from '#contracts/tasker.ts'
import { Problem } from '#kit/problem.ts'
import { dequeue, enqueue } from './queue.ts'
import { nodesOf, type WorkRow } from './tables.ts'
import type { Turn } from './turn.ts'

/** Which state may follow which. What is not here cannot happen. */
export const follows: Readonly<Record<WorkState, readonly WorkState[]>> = {
  waiting: ['running', 'cancelled', 'superseded'],
  /** Waiting again: a sync or destroy that is tried once more. */
  running: ['succeeded', 'failed', 'waiting', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
  superseded: [],
}

export const hasEnded = (state: WorkState): boolean => follows[state].length === 0

type Patch = Partial<Pick<WorkRow, 'attempt' | 'failures' | 'run_at' | 'error' | 'error_code'>>

/** The only way by which a work changes its state. The locks of its nodes come and go with `running`, its place in the queue with `waiting`. */
async function moveWork(turn: Turn, work: WorkRow, state: WorkState, patch: Patch = {}): Promise<void> {
  if (!follows[work.state].includes(state)) throw moved(work, state)
  const times = state === 'running' ? { started_at: turn.now } : hasEnded(state) ? { ended_at: turn.now } : {}
  const { numUpdatedRows } = await turn.db
    .updateTable('tasker_works')
    .set({ ...patch, ...times, state, changed_at: turn.now })
    .where('id', '=', work.id)
    .where('state', '=', work.state)
    .where('attempt', '=', work.attempt)
    .executeTakeFirst()
  if (numUpdatedRows !== 1n) throw moved(work, state)
  if (work.state === 'running') await unlock(turn, work)
  if (state === 'running') await lock(turn, work)
  if (work.state === 'waiting') await dequeue(turn, work.id)
  if (state === 'waiting') await enqueue(turn, { ...work, ...patch })
  await announceWork(turn, { ...work, state })
}

const moved = (work: WorkRow, state: WorkState) =>
  new Problem('conflict', {
    reason: `work ${work.id} is not ${work.state} any more and cannot become ${state}`,
  })

export async function announceWork(turn: Turn, work: WorkRow): Promise<void> {
  const data = { repo: work.repo, work: work.id, kind: work.kind, state: work.state }
  await turn.bus.publish('work.changed', { subject: work.repo, data }, turn.tx)
}

async function lock(turn: Turn, work: WorkRow): Promise<void> {
  const rows = nodesOf(work).map((node) => ({ repo: work.repo, node, work: work.id }))
  await turn.db.insertInto('tasker_locks').values(rows).execute()
}

async function unlock(turn: Turn, work: WorkRow): Promise<void> {
  await turn.db.deleteFrom('tasker_locks').where('work', '=', work.id).execute()
}

export const startWork = (turn: Turn, work: WorkRow) => moveWork(turn, work, 'running')

export const succeedWork = (turn: Turn, work: WorkRow) =>
  moveWork(turn, work, 'succeeded', { error: null, error_code: null })

export const failWork = (turn: Turn, work: WorkRow, error: string) =>
  moveWork(turn, work, 'failed', { error })

export const supersedeWork = (turn: Turn, work: WorkRow) => moveWork(turn, work, 'superseded')

export const cancelWork = (turn: Turn, work: WorkRow, by: string, error = `cancelled by ${by}`) =>
  moveWork(turn, work, 'cancelled', { error })

export const retryWork = (
  turn: Turn,
  work: WorkRow,
  next: { run_at: number; failures: number; error: string; error_code: string },
) => moveWork(turn, work, 'waiting', { ...next, attempt: work.attempt + 1 })
