import type { EventData } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { turnFor } from '../rights.ts'
import type { RunStepRow, WorkRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { findWork } from '../works.ts'
import { finishRun } from './finish.ts'
import { settle } from './finished.ts'
import { type Ending, markStopping, skipPending, stepsOf } from './steps.ts'

/** Stops a run that runs. Its lock is held until the last of its steps has ended. */
export async function cancelRun(tasker: Tasker, work: WorkRow, by: string): Promise<void> {
  await turnFor(tasker, by, 'task.cancel', work.repo, async (turn) => {
    const { numUpdatedRows } = await turn.db
      .updateTable('tasker_works')
      .set({ cancelled_by: by })
      .where('id', '=', work.id)
      .where('state', '=', 'running')
      .where('cancelled_by', 'is', null)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) return
    await skipPending(turn, work.id)
    // Also when this process dies now, somebody goes on stopping.
    await turn.bus.send('tasker.advance', { id: `${work.id}.cancel`, payload: { run: work.id } }, turn.tx)
  })
  await stopSteps(tasker, work.id)
}

/** Asks for each step that runs. Returns whether all have ended, and the run with them. */
export async function stopSteps(tasker: Tasker, run: string): Promise<boolean> {
  const work = await findWork(tasker.db, run)
  if (work?.state !== 'running') return true
  const running = (await stepsOf(tasker.db, run)).filter((step) => step.state === 'running')
  const stopped = await Promise.all(
    running.map((step) => stopStep(tasker, work, step, { state: 'stopped', error: stoppedBy(work) })),
  )
  await tasker.turns.take((turn) => finishRun(turn, run))
  return stopped.every(Boolean)
}

const stoppedBy = (work: WorkRow): string => `stopped: cancelled by ${work.cancelled_by}`

/** Ends steps whose time is over. Returns whether all have ended. */
export async function stopLate(
  tasker: Tasker,
  work: WorkRow,
  rows: readonly RunStepRow[],
  reason: string,
): Promise<boolean> {
  await tasker.turns.take((turn) => markStopping(turn, rows, reason))
  const ended = await Promise.all(
    rows.map((row) => stopStep(tasker, work, row, { state: 'failure', error: reason })),
  )
  return ended.every(Boolean)
}

async function stopStep(
  tasker: Tasker,
  work: WorkRow,
  row: RunStepRow,
  told: Pick<Ending, 'state' | 'error'>,
): Promise<boolean> {
  const { run, step, node, attempt } = row
  let remains: string
  try {
    const { stopped, left } = await tasker.bus.ask('shazam.stop_step', {
      repo: work.repo,
      run,
      step,
      node,
      attempt,
    })
    if (!stopped) return false
    remains = left
  } catch (error) {
    tasker.log.warn(
      { err: Problem.of(error), run, step, node },
      'a step could not be stopped, will try again',
    )
    return false
  }
  const stopped: EventData<'step.finished'> = {
    ...{ repo: work.repo, run, step, node, attempt, exit: null, stdout: '', outputs: {} },
    outcome: told.state === 'failure' ? 'failure' : 'stopped',
    error: [told.error, remains && `still running: ${remains}`].filter(Boolean).join('; '),
  }
  await tasker.turns.take((turn) => settle(turn, work, row, stopped))
  return true
}
