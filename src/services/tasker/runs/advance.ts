import type { Lease } from '#bus'
import type { StepJob } from '#contracts/shazam.ts'
import { newId } from '#kit/ids.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { RunStepRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import type { Turn } from '../turn.ts'
import { findWork } from '../works.ts'
import { finishRun } from './finish.ts'
import { askKnown, type Known, maybeLater } from './known.ts'
import { deadlineOf, type Next, nextOf } from './next.ts'
import { conditionTexts, readyStep } from './render.ts'
import { recordSecretUse } from './secret-use.ts'
import { findSnapshot, type Snapshot } from './snapshot.ts'
import { advanceLater, doneStep, failUnstarted, retryJob, skipStep, startSteps, stepsOf } from './steps.ts'
import { stopLate, stopSteps } from './stop.ts'
import { stepAt } from './task-plan.ts'
import { setVariable } from './variable.ts'

/**
 * How often in a row steps are made ready before a service that does not answer fails them. Counted in one process, as
 * deliveries are not: that the platform is started again is no failure.
 */
const PATIENCE = 5
/** Milliseconds until steps that could not be stopped are tried again. */
const STOP_AGAIN = 2_000
/** Milliseconds until a step whose use of secrets could not be recorded is tried again. */
const AUDIT_AGAIN = 5_000

/** Looks at a run and does the next thing. It may be called at any time and any number of times. */
export const advanceRun = (tasker: Tasker) => {
  /** Job -> how often a neighbour did not answer. */
  const misses = new Map<string, number>()
  return async ({ run }: { run: string }, lease: Lease): Promise<void> => {
    await tasker.turns.settleClock()
    const snapshot = await findSnapshot(tasker.db, run)
    if (snapshot?.work.state !== 'running') return
    const steps = await stepsOf(tasker.db, run)
    const rows = retryDue(lease.id, steps)
    const next = nextOf(snapshot.task, rows, stateOf(snapshot, tasker.clock.now()))
    if (next.do === 'start') await startRows(tasker, snapshot, next.rows, rows, lease, misses)
    else if (next.do === 'finish') await tasker.turns.once(lease, (turn) => finishRun(turn, run))
    else if (next.do === 'stop') await stopAll(tasker, snapshot, next)
    else if (next.do === 'wait' && snapshot.work.cancelled_by !== null) await stopAll(tasker, snapshot)
    else if (lease.id.endsWith('.late')) await lookLater(tasker, snapshot, rows, lease)
  }
}

/** The pause of a step is over when the job comes that was sent to end it, whatever the clock on the wall says by now. */
const retryDue = (job: string, steps: readonly RunStepRow[]): RunStepRow[] =>
  steps.map((row) => (retryJob(row) === job ? { ...row, retry_at: null } : row))

/** A time limit that is not over when its job comes: the clock was set while the platform was away. */
async function lookLater(
  tasker: Tasker,
  snapshot: Snapshot,
  rows: readonly RunStepRow[],
  lease: Lease,
): Promise<void> {
  const { work, task } = snapshot
  const now = tasker.clock.now()
  const until = deadlineOf(task, rows, stateOf(snapshot, now))
  if (until === undefined) return
  await tasker.turns.once(lease, (turn) =>
    advanceLater(turn, work.id, `${newId(turn.now)}.late`, Math.max(0, until - now)),
  )
}

export const stateOf = ({ work }: Pick<Snapshot, 'work'>, now: number) => ({
  cancelled: work.cancelled_by !== null,
  started_at: work.started_at ?? now,
  now,
})

async function startRows(
  tasker: Tasker,
  snapshot: Snapshot,
  rows: readonly RunStepRow[],
  steps: readonly RunStepRow[],
  lease: Lease,
  misses: Map<string, number>,
): Promise<void> {
  const run = snapshot.work.id
  const tries = (misses.get(lease.id) ?? 0) + 1
  const ready = await makeAllReady(tasker, snapshot, rows, steps, tries).catch((error: unknown) => {
    // While the platform stops, nobody answers.
    if (!lease.signal.aborted) misses.set(lease.id, tries)
    throw error
  })
  misses.delete(lease.id)
  await tasker.turns.once(lease, async (turn) => {
    const work = await findWork(turn.db, run)
    if (work?.state !== 'running' || work.cancelled_by !== null) return
    for (const { row, ...what } of ready) {
      if ('error' in what) await failUnstarted(turn, row, what.error)
      else if ('skip' in what) await skipStep(turn, row, what.skip)
      else if ('done' in what) await doneStep(turn, row)
    }
    const jobs = ready.flatMap((each) => ('job' in each ? [each.job] : []))
    await startSteps(turn, jobs)
    await setTimers(turn, snapshot, jobs)
    // What did not become a job has no end that somebody would tell.
    const wait = ready.some((each) => 'later' in each) ? AUDIT_AGAIN : 0
    if (jobs.length < ready.length) await advanceLater(turn, run, `${newId(turn.now)}.ready`, wait)
  })
}

/** Looks again when a step's time is over. */
async function setTimers(turn: Turn, { work, task }: Snapshot, jobs: readonly StepJob[]): Promise<void> {
  for (const step of new Set(jobs.map((job) => job.step))) {
    const { timeout } = stepAt(task, step) ?? {}
    if (timeout !== undefined)
      await advanceLater(turn, work.id, `${step}.${newId(turn.now)}.late`, timeout * 1000)
  }
}

type Ready = { row: RunStepRow } & (
  | { job: StepJob }
  | { error: string }
  | { skip: string }
  | { done: true }
  | { later: true }
)

/** `steps`: all of the run; what has ended of them is known to those that begin. */
async function makeAllReady(
  tasker: Tasker,
  snapshot: Snapshot,
  rows: readonly RunStepRow[],
  steps: readonly RunStepRow[],
  tries: number,
): Promise<Ready[]> {
  const failed = (row: RunStepRow, error: unknown): Ready => {
    if (maybeLater(error) && tries < PATIENCE) throw error
    return { row, error: Problem.of(error).message }
  }
  let known: Known
  try {
    const nodes = rows.map(({ node }) => node)
    known = await askKnown(tasker, snapshot, nodes)
  } catch (error) {
    return rows.map((row) => failed(row, error))
  }
  return Promise.all(
    rows.map((row) =>
      makeReady(tasker, known, snapshot, row, steps).catch((error: unknown) => failed(row, error)),
    ),
  )
}

async function makeReady(
  tasker: Tasker,
  known: Known,
  snapshot: Snapshot,
  row: RunStepRow,
  steps: readonly RunStepRow[],
): Promise<Ready> {
  const step = stepAt(snapshot.task, row.step)
  if (!step) return { row, error: `the task has no step ${row.step + 1}` }
  const record = async (texts: readonly string[]): Promise<boolean> => {
    try {
      await recordSecretUse(tasker, known, snapshot, row, texts)
      return true
    } catch (error) {
      if (isProblem(error, 'unaudited')) return false
      throw error
    }
  }
  // What a condition says of a secret is told by what runs after it.
  const judged = conditionTexts(known, snapshot, step, row, steps)
  if (!(await record(judged))) return { row, later: true }
  // Only to know that it can be: the text may hold secrets, and is made again when the step starts.
  const ready = await readyStep(known, snapshot, step, row, steps)
  if ('error' in ready) return { row, error: ready.error }
  if ('skip' in ready) return { row, skip: ready.skip }
  if (!('variable' in ready)) return { row, job: jobOf(snapshot, row) }
  if (!(await record([JSON.stringify(ready.variable.value)]))) return { row, later: true }
  await setVariable(tasker, snapshot, ready.variable)
  return { row, done: true }
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
async function stopAll(
  tasker: Tasker,
  { work }: Snapshot,
  late?: Extract<Next, { do: 'stop' }>,
): Promise<void> {
  const done = late ? await stopLate(tasker, work, late.rows, late.reason) : await stopSteps(tasker, work.id)
  if (done) return
  await tasker.bus.send('tasker.advance', {
    id: `${work.id}.stop.${newId()}`,
    payload: { run: work.id },
    delay: STOP_AGAIN,
  })
}
