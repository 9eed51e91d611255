import { describeWork } from '../lines.ts'
import { cancelWork, failWork, succeedWork } from '../states.ts'
import { causeOf, type RunStepRow, type WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import { stateOf } from './advance.ts'
import { brokenSentence, brokenStep, nextOf, timedOut } from './next.ts'
import { findSnapshot, type Snapshot } from './snapshot.ts'
import { skipPending, stepsOf } from './steps.ts'

/** Ends a run none of whose steps runs any more; a run that has ended, or is not that far, is left alone. */
export async function finishRun(turn: Turn, run: string): Promise<void> {
  const snapshot = await findSnapshot(turn.db, run)
  const steps = await stepsOf(turn.db, run)
  if (snapshot?.work.state !== 'running') return
  const { work, task } = snapshot
  if (nextOf(task, steps, stateOf(snapshot, turn.now)).do !== 'finish') return
  await skipPending(turn, run)
  const error = await endWork(turn, snapshot, steps)
  await announceEnd(turn, work, error)
  const text = error === null ? `${describeWork(work)} succeeded` : `${describeWork(work)} ended: ${error}`
  const level = error === null ? 'info' : 'error'
  turn.note({ repo: work.repo, task: work.task ?? '', work: work.id, level, text })
}

async function endWork(turn: Turn, snapshot: Snapshot, steps: readonly RunStepRow[]): Promise<string | null> {
  const { work, task } = snapshot
  if (work.cancelled_by !== null) {
    const error = `cancelled by ${work.cancelled_by}${leftSentence(steps)}`
    await cancelWork(turn, work, work.cancelled_by, error)
    return error
  }
  const broken = brokenStep(task, steps)
  const late = timedOut(task, stateOf(snapshot, turn.now)) && steps.some(({ state }) => state === 'pending')
  if (!broken && !late) {
    await succeedWork(turn, work)
    return null
  }
  const error = broken ? brokenSentence(broken) : `the task timed out after ${task.timeout} s`
  await failWork(turn, work, error)
  return error
}

/** What a run that was cut leaves behind. */
function leftSentence(steps: readonly RunStepRow[]): string {
  const stopped = steps.filter(({ state }) => state === 'stopped')
  const begun = stopped.map(({ step, name, node, error }) => {
    const [remains] = /still running: .*/.exec(error ?? '') ?? []
    return `step ${step + 1} "${name}" on ${node}${remains ? ` (${remains})` : ''}`
  })
  const never = new Set(
    steps.flatMap(({ state, step }) => (state === 'pending' || state === 'skipped' ? [step] : [])),
  ).size
  return [
    begun.length > 0 ? `; stopped in the middle: ${begun.join(', ')}` : '',
    never > 0 ? `; not begun: ${never} ${never === 1 ? 'step' : 'steps'}` : '',
  ].join('')
}

/** `error`: null for a success. */
export async function announceEnd(turn: Turn, work: WorkRow, error: string | null): Promise<void> {
  const { repo } = work
  const task = work.task ?? ''
  const data = { repo, task, run: work.id, depth: causeOf(work).depth, error }
  const pattern = error === null ? 'task.*.run.success' : 'task.*.run.error'
  await turn.bus.publish(pattern, { name: task, subject: `${repo}/${task}`, data }, turn.tx)
}
