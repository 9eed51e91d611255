import type { BusEvent, Delivery } from '#bus'
import type { EventData } from '#contracts'
import type { Step } from '#contracts/descriptors.ts'
import type { RunStepRow, WorkRow } from '../tables.ts'
import type { Turn, Turns } from '../turn.ts'
import { findWork } from '../works.ts'
import { findSnapshot } from './snapshot.ts'
import { type Ending, endStep, findStep, retryStep } from './steps.ts'
import { stepAt } from './task-plan.ts'

type Finished = EventData<'step.finished'>

export const onStepFinished =
  (turns: Turns) => async (event: BusEvent<'step.finished'>, delivery: Delivery) => {
    const told = event.data
    await turns.once(delivery, async (turn) => {
      const work = await findWork(turn.db, told.run)
      const row = await findStep(turn.db, told)
      if (work && row) await settle(turn, work, row, told)
    })
  }

/** What follows from the end of a step: its end, or another try. */
export async function settle(turn: Turn, work: WorkRow, row: RunStepRow, told: Finished): Promise<void> {
  const ending = endingOf(row, told)
  const key = { run: told.run, step: told.step, node: told.node, attempt: told.attempt }
  const again = ending.state === 'failure' && work.cancelled_by === null && !ofTask(row)
  const retries = again ? await retriesOf(turn, told) : undefined
  if (!retries || told.attempt > retries.count) {
    await endStep(turn, work, key, ending)
    return
  }
  const pause = retries.pause * 1000 * 2 ** Math.min(told.attempt - 1, 10)
  const error = ending.error ?? `exit ${ending.exit}`
  await retryStep(turn, work, key, { pause, error, tries: retries.count + 1 })
}

async function retriesOf(turn: Turn, { run, step }: Finished): Promise<Step['retries']> {
  const task = (await findSnapshot(turn.db, run))?.task
  return task && stepAt(task, step)?.retries
}

/** Ended with its whole task: no try follows. */
const ofTask = ({ stopping }: RunStepRow): boolean => stopping?.startsWith('the task ') ?? false

/** What was stopped for a reason of ours has failed for that reason. */
function endingOf({ stopping }: RunStepRow, { outcome, exit, error, stdout, outputs }: Finished): Ending {
  if (outcome === 'stopped' && stopping !== null)
    return {
      state: 'failure',
      exit: null,
      error: [stopping, error].filter(Boolean).join('; '),
      stdout,
      outputs,
    }
  return { state: outcome, exit, error, stdout, outputs }
}
