import { describeWork } from '../lines.ts'
import { cancelWork, failWork, succeedWork } from '../states.ts'
import { causeOf, type WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import { findWork } from '../works.ts'
import { brokenSentence, brokenStep, nextOf } from './next.ts'
import { skipPending, stepsOf } from './steps.ts'

/** Ends a run none of whose steps runs any more; a run that has ended, or is not that far, is left alone. */
export async function finishRun(turn: Turn, run: string): Promise<void> {
  const work = await findWork(turn.db, run)
  const steps = await stepsOf(turn.db, run)
  if (work?.state !== 'running' || nextOf(steps, work.cancelled_by !== null).do !== 'finish') return
  await skipPending(turn, run)
  const error = await endWork(turn, work, steps)
  await announceEnd(turn, work, error)
  const text = error === null ? `${describeWork(work)} succeeded` : `${describeWork(work)} ended: ${error}`
  const level = error === null ? 'info' : 'error'
  turn.note({ repo: work.repo, task: work.task ?? '', work: work.id, level, text })
}

async function endWork(
  turn: Turn,
  work: WorkRow,
  steps: Awaited<ReturnType<typeof stepsOf>>,
): Promise<string | null> {
  if (work.cancelled_by !== null) {
    await cancelWork(turn, work, work.cancelled_by)
    return `cancelled by ${work.cancelled_by}`
  }
  const broken = brokenStep(steps)
  if (!broken) {
    await succeedWork(turn, work)
    return null
  }
  const error = brokenSentence(broken)
  await failWork(turn, work, error)
  return error
}

/** `error`: null for a success. */
export async function announceEnd(turn: Turn, work: WorkRow, error: string | null): Promise<void> {
  const { repo } = work
  const task = work.task ?? ''
  const data = { repo, task, run: work.id, depth: causeOf(work).depth, error }
  const pattern = error === null ? 'task.*.run.success' : 'task.*.run.error'
  await turn.bus.publish(pattern, { name: task, subject: `${repo}/${task}`, data }, turn.tx)
}
