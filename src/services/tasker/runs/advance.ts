import type { Lease } from '#bus'
import type { StepJob } from '#contracts/shazam.ts'
import { newId } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import type { RunStepRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { findWork } from '../works.ts'
import { finishRun } from './finish.ts'
import { nextOf } from './next.ts'
import { maybeLater, renderStep } from './render.ts'
import { findSnapshot, type Snapshot } from './snapshot.ts'
import { failUnstarted, startSteps, stepsOf } from './steps.ts'
import { stopSteps } from './stop.ts'

/** How often a step is made ready before a service that does not answer fails the run. */
const PATIENCE = 5
/** Milliseconds until steps that could not be stopped are tried again. */
const STOP_AGAIN = 2_000

/** Looks at a run and does the next thing. It may be called at any time and any number of times. */
export const advanceRun =
  (tasker: Tasker) =>
  async ({ run }: { run: string }, lease: Lease): Promise<void> => {
    const snapshot = await findSnapshot(tasker.db, run)
    if (snapshot?.work.state !== 'running') return
    const cancelled = snapshot.work.cancelled_by !== null
    const steps = await stepsOf(tasker.db, run)
    const next = nextOf(steps, cancelled)
    if (next.do === 'start') await startStep(tasker, snapshot, steps, next.step, lease)
    else if (next.do === 'finish') await tasker.turns.once(lease, (turn) => finishRun(turn, run))
    else if (cancelled) await stopAll(tasker, run)
  }

async function startStep(
  tasker: Tasker,
  snapshot: Snapshot,
  steps: readonly RunStepRow[],
  index: number,
  lease: Lease,
): Promise<void> {
  const rows = steps.filter((row) => row.step === index)
  const done = steps.filter((row) => row.step < index)
  const ready = await Promise.all(rows.map((row) => makeReady(tasker, snapshot, row, done, lease.attempt)))
  const failed = ready.filter((each) => 'error' in each)
  const run = snapshot.work.id
  await tasker.turns.once(lease, async (turn) => {
    const work = await findWork(turn.db, run)
    if (work?.state !== 'running' || work.cancelled_by !== null) return
    for (const { row, error } of failed) await failUnstarted(turn, row, error)
    if (failed.length > 0) await finishRun(turn, run)
    else
      await startSteps(
        turn,
        ready.flatMap((each) => ('job' in each ? [each.job] : [])),
      )
  })
}

type Ready = { job: StepJob } | { row: RunStepRow; error: string }

async function makeReady(
  tasker: Tasker,
  snapshot: Snapshot,
  row: RunStepRow,
  done: readonly RunStepRow[],
  tries: number,
): Promise<Ready> {
  const step = snapshot.task.steps[row.step]
  if (!step) return { row, error: `the task has no step ${row.step + 1}` }
  try {
    // Only to know that it can be: the text may hold secrets, and is made again when the step starts.
    const { error } = await renderStep(tasker, snapshot, step, row.node, done)
    return error === null ? { job: jobOf(snapshot, row) } : { row, error }
  } catch (error) {
    if (maybeLater(error) && tries < PATIENCE) throw error
    return { row, error: Problem.of(error).message }
  }
}

const jobOf = ({ work, task }: Snapshot, row: RunStepRow): StepJob => ({
  repo: work.repo,
  run: work.id,
  task: task.id,
  step: row.step,
  node: row.node,
  attempt: row.attempt + 1,
})

/** A step whose job nobody has taken yet cannot be stopped yet: asked again until its end is known. */
async function stopAll(tasker: Tasker, run: string): Promise<void> {
  if (await stopSteps(tasker, run)) return
  await tasker.bus.send('tasker.advance', {
    id: `${run}.stop.${newId()}`,
    payload: { run },
    delay: STOP_AGAIN,
  })
}
