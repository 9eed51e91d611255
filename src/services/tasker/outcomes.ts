import type { BusEvent, Delivery } from '#bus'
import { forgetDrift } from './drift.ts'
import { describeWork, duration } from './lines.ts'
import { reschedule } from './queue.ts'
import { LONGEST_PAUSE } from './set-clock.ts'
import { failWork, retryWork, succeedWork } from './states.ts'
import { nodesOf, type WorkRow } from './tables.ts'
import type { Turn, Turns } from './turn.ts'
import { isAwaiting, UNLINKED, UNRESOLVED } from './waits.ts'
import { findWork, waitingNodeWork } from './works.ts'

export const successEvents = [
  'node.*.create.success',
  'node.*.update.success',
  'node.*.delete.success',
] as const
export const errorEvents = ['node.*.create.error', 'node.*.update.error', 'node.*.delete.error'] as const

export const waitEvents = ['node.*.waits'] as const

export type SuccessEvent = BusEvent<(typeof successEvents)[number]>
export type ErrorEvent = BusEvent<(typeof errorEvents)[number]>
export type WaitEvent = BusEvent<(typeof waitEvents)[number]>

/** Failures of one series before a node is left out of sync. */
export const MAX_FAILURES = 8
const FIRST_PAUSE = 5_000

/** Milliseconds after the n-th failure: 5 s, 15 s, 45 s … 10 min. */
export const pauseAfter = (failures: number): number =>
  Math.min(FIRST_PAUSE * 3 ** (failures - 1), LONGEST_PAUSE)

export const onSuccess = (turns: Turns) => async (event: SuccessEvent, delivery: Delivery) => {
  await turns.once(delivery, async (turn) => {
    const work = await runningWork(turn, event.data)
    if (!work) return
    await succeedWork(turn, work)
    await recordSuccess(turn, work)
    const { changed, ms } = event.data
    note(
      turn,
      work,
      'info',
      `${describeWork(work)} succeeded in ${duration(ms)}, ${changed === 0 ? 'nothing to do' : `${changed} changed`}`,
    )
  })
}

export const onError = (turns: Turns) => async (event: ErrorEvent, delivery: Delivery) => {
  await turns.once(delivery, async (turn) => {
    const work = await runningWork(turn, event.data)
    if (work) await afterFailure(turn, work, event.data.error, event.data.retry)
  })
}

export const onWaits = (turns: Turns) => async (event: WaitEvent, delivery: Delivery) => {
  await turns.once(delivery, async (turn) => {
    const work = await runningWork(turn, event.data)
    if (work) await afterFailure(turn, work, event.data.reason, true)
  })
}

/** What an older attempt, or a work that has ended, has to say is too late. */
async function runningWork(
  turn: Turn,
  told: { work: string; attempt: number },
): Promise<WorkRow | undefined> {
  const work = await findWork(turn.db, told.work)
  return work?.state === 'running' && work.attempt === told.attempt ? work : undefined
}

async function recordSuccess(turn: Turn, work: WorkRow): Promise<void> {
  const [node = ''] = nodesOf(work)
  if (work.kind === 'sync') await wakeUnresolved(turn, work.repo)
  await turn.db
    .updateTable('tasker_nodes')
    .set({ synced_commit: work.kind === 'sync' ? work.commit : null })
    .where('repo', '=', work.repo)
    .where('node', '=', node)
    .execute()
  // What was agreed to is done; the next loss is another question.
  await turn.db.updateTable('tasker_nodes').set({ agreed: 0 }).where('work', '=', work.id).execute()
  await forgetDrift(turn, work.repo, node)
  if (work.kind === 'destroy') await forgetNode(turn, work)
}

/** Unless a newer wish for the node is on its way. */
async function forgetNode(turn: Turn, work: WorkRow): Promise<void> {
  await turn.db.deleteFrom('tasker_nodes').where('work', '=', work.id).execute()
}

/** A node has values now that others may have missed. */
async function wakeUnresolved(turn: Turn, repo: string): Promise<void> {
  const woken = await turn.db
    .selectFrom('tasker_works')
    .select('id')
    .where('repo', '=', repo)
    .where('state', '=', 'waiting')
    .where('error_code', '=', UNRESOLVED)
    .where('run_at', '>', turn.now)
    .execute()
  for (const { id } of woken) await reschedule(turn, id, turn.now)
}

async function afterFailure(
  turn: Turn,
  work: WorkRow,
  error: { code: string; message: string },
  retry: boolean,
): Promise<void> {
  const failures = work.failures + 1
  const [node = ''] = nodesOf(work)
  // Also of an error: a former version announced what waits as one.
  if (isAwaiting(error.code) && !(await waitingNodeWork(turn.db, work.repo, node)))
    return awaitMore(turn, work, error)
  if (!retry) return giveUpNode(turn, work, error.message)
  if (await waitingNodeWork(turn.db, work.repo, node)) {
    return giveUpNode(turn, work, `${error.message}; a newer work for ${node} goes on`)
  }
  if (failures >= MAX_FAILURES) {
    return giveUpNode(turn, work, `out of sync after ${failures} failures: ${error.message}`)
  }
  const pause = pauseAfter(failures)
  await retryWork(turn, work, {
    run_at: turn.now + pause,
    failures,
    error: error.message,
    error_code: error.code,
  })
  note(
    turn,
    work,
    'warn',
    `${describeWork(work)} failed, next attempt in ${duration(pause)}: ${error.message}`,
  )
}

/** A day: whoever links the node queues its sync. */
const UNTIL_LINKED = 24 * 60 * 60_000

/** What it needs is to come: that is no failure, so it is not counted, and said once. */
async function awaitMore(turn: Turn, work: WorkRow, error: { code: string; message: string }): Promise<void> {
  const pause = error.code === UNLINKED ? UNTIL_LINKED : pauseAfter(work.attempt)
  const { failures } = work
  const next = { run_at: turn.now + pause, failures, error: error.message, error_code: error.code }
  await retryWork(turn, work, next)
  if (work.error !== error.message) note(turn, work, 'info', `${describeWork(work)} waits: ${error.message}`)
}

export async function giveUpNode(turn: Turn, work: WorkRow, error: string): Promise<void> {
  await failWork(turn, work, error)
  note(turn, work, 'error', `${describeWork(work)} failed: ${error}`)
}

function note(turn: Turn, work: WorkRow, level: 'info' | 'warn' | 'error', text: string): void {
  turn.note({ repo: work.repo, node: nodesOf(work)[0], work: work.id, level, text })
}
