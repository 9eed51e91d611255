import type { Kysely } from 'kysely'
import type { StepJob } from '#contracts/shazam.ts'
import { duration } from '../lines.ts'
import type { RunStepRow, Tables, WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'

export const stepsOf = (db: Kysely<Tables>, run: string): Promise<RunStepRow[]> =>
  db
    .selectFrom('tasker_run_steps')
    .selectAll()
    .where('run', '=', run)
    .orderBy('step')
    .orderBy('node')
    .execute()

type Key = Pick<RunStepRow, 'run' | 'step' | 'node'>

export const findStep = (db: Kysely<Tables>, { run, step, node }: Key): Promise<RunStepRow | undefined> =>
  db
    .selectFrom('tasker_run_steps')
    .selectAll()
    .where('run', '=', run)
    .where('step', '=', step)
    .where('node', '=', node)
    .executeTakeFirst()

type StepState = RunStepRow['state']

/** Which state of a step may follow which. What is not here cannot happen. */
export const stepFollows: Readonly<Record<StepState, readonly StepState[]>> = {
  /** Ended without having run: it could not be made ready, the platform did it by itself, or it is not wanted. */
  pending: ['running', 'success', 'failure', 'skipped'],
  /** Pending again: another try. */
  running: ['success', 'failure', 'unknown', 'stopped', 'pending'],
  success: [],
  failure: [],
  unknown: [],
  skipped: [],
  stopped: [],
}

const at = (turn: Turn, { run, step, node }: Key) =>
  turn.db
    .updateTable('tasker_run_steps')
    .where('run', '=', run)
    .where('step', '=', step)
    .where('node', '=', node)

/** The only way by which a step changes its state. False: it is not in `from` any more, or another attempt runs. */
async function moveStep(
  turn: Turn,
  key: Key & { attempt?: number },
  from: StepState,
  { state, ...patch }: { state: StepState } & Partial<RunStepRow>,
): Promise<boolean> {
  if (!stepFollows[from].includes(state)) throw new Error(`a step that is ${from} cannot become ${state}`)
  let move = at(turn, key)
    .set({ ...patch, state })
    .where('state', '=', from)
  if (from === 'running') move = move.where('attempt', '=', key.attempt ?? 0)
  return (await move.executeTakeFirst()).numUpdatedRows === 1n
}

export interface Ending {
  state: 'success' | 'failure' | 'unknown' | 'stopped'
  exit: number | null
  error: string | null
  stdout: string
  outputs?: Record<string, string>
}

/** Hands out the steps that are still pending, each once: state and job commit together. */
export async function startSteps(turn: Turn, jobs: readonly StepJob[]): Promise<void> {
  for (const job of jobs) {
    const begun = { attempt: job.attempt, error: null, retry_at: null, started_at: turn.now }
    if (!(await moveStep(turn, job, 'pending', { state: 'running', ...begun }))) continue
    const id = `${job.run}.${job.step}.${job.node}.${job.attempt}`
    await turn.bus.send('shazam.steps', { id, payload: job }, turn.tx)
  }
}

/** Ends a step that runs as this attempt; anything else is too late and changes nothing. Returns whether it ended. */
export async function endStep(
  turn: Turn,
  work: WorkRow,
  step: Key & { attempt: number },
  { outputs = {}, ...ending }: Ending,
): Promise<boolean> {
  const ended = { ...ending, outputs: JSON.stringify(outputs), stopping: null, ended_at: turn.now }
  if (!(await moveStep(turn, step, 'running', ended))) return false
  const why = ending.error ?? (ending.exit ? `exit ${ending.exit}` : '')
  const level = ending.state === 'success' ? 'info' : 'error'
  const told = { ...step, repo: work.repo, task: work.task ?? '' }
  noteStep(turn, told, level, `ended: ${ending.state}${why && `, ${why}`}`)
  await advanceWhenEnded(turn, step)
  return true
}

/** Gives a step that failed another try after a pause, in milliseconds. */
export async function retryStep(
  turn: Turn,
  work: WorkRow,
  step: Key & { attempt: number },
  { pause, error, tries }: { pause: number; error: string; tries: number },
): Promise<void> {
  const again = { retry_at: turn.now + pause, error, stopping: null }
  if (!(await moveStep(turn, step, 'running', { state: 'pending', ...again }))) return
  const told = { ...step, repo: work.repo, task: work.task ?? '' }
  noteStep(turn, told, 'warn', `failed, try ${step.attempt + 1} of ${tries} in ${duration(pause)}: ${error}`)
  await advanceLater(turn, step.run, retryOf(step), pause)
}

const retryOf = ({ step, node, attempt }: Pick<RunStepRow, 'step' | 'node' | 'attempt'>): string =>
  `${step}.${node}.${attempt}.retry`

/** The id of the job that ends the pause of a step. */
export const retryJob = (row: RunStepRow): string => `${row.run}.${retryOf(row)}`

/** `what` names the reason: the same is sent once. */
export const advanceLater = async (turn: Turn, run: string, what: string, delay: number): Promise<void> => {
  await turn.bus.send('tasker.advance', { id: `${run}.${what}`, payload: { run }, delay }, turn.tx)
}

/** When a step has ended everywhere, or everything has, something else may begin. */
async function advanceWhenEnded(
  turn: Turn,
  { run, step, node, attempt }: Key & { attempt: number },
): Promise<void> {
  const running = await turn.db
    .selectFrom('tasker_run_steps')
    .select('node')
    .where('run', '=', run)
    .where('step', '=', step)
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (!running) await advanceLater(turn, run, `${step}.${node}.${attempt}.end`, 0)
}

/** Marks steps that the platform ends, and why: the end that comes then is told with this reason. */
export async function markStopping(turn: Turn, rows: readonly Key[], reason: string): Promise<void> {
  for (const row of rows)
    await at(turn, row)
      .set({ stopping: reason })
      .where('state', '=', 'running')
      .where('stopping', 'is', null)
      .execute()
}

/** A condition that does not hold. */
export async function skipStep(turn: Turn, step: Key, why: string): Promise<void> {
  await moveStep(turn, step, 'pending', { state: 'skipped', error: why, ended_at: turn.now })
}

/** A step that the platform did by itself. */
export async function doneStep(turn: Turn, step: Key): Promise<void> {
  const done = { attempt: 1, exit: 0, started_at: turn.now, ended_at: turn.now }
  await moveStep(turn, step, 'pending', { state: 'success', ...done })
}

/** A step that could not be made ready: it never ran, and neither do the others beside it. */
export async function failUnstarted(turn: Turn, step: Key, error: string): Promise<void> {
  const failed = { error, started_at: turn.now, ended_at: turn.now }
  await moveStep(turn, step, 'pending', { state: 'failure', ...failed })
}

export async function skipPending(turn: Turn, run: string): Promise<void> {
  await turn.db
    .updateTable('tasker_run_steps')
    .set({ state: 'skipped' })
    .where('run', '=', run)
    .where('state', '=', 'pending')
    .execute()
}

type Told = Key & { repo: string; task: string }

function noteStep(
  turn: Turn,
  { repo, task, run, step, node }: Told,
  level: 'info' | 'warn' | 'error',
  text: string,
): void {
  turn.note({ repo, node, task, work: run, step, level, text: `step ${step + 1} on ${node} ${text}` })
}
