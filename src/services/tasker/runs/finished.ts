import type { BusEvent, Delivery } from '#bus'
import type { Turns } from '../turn.ts'
import { findWork } from '../works.ts'
import { endStep } from './steps.ts'

/** The end of a step on a node, told by shazam: counts once, and only for the attempt that runs. */
export const onStepFinished =
  (turns: Turns) => async (event: BusEvent<'step.finished'>, delivery: Delivery) => {
    const { run, step, node, attempt, outcome, exit, error, stdout } = event.data
    await turns.once(delivery, async (turn) => {
      const work = await findWork(turn.db, run)
      if (work)
        await endStep(turn, work, { run, step, node, attempt }, { state: outcome, exit, error, stdout })
    })
  }
