import type { Kysely } from 'kysely'
import type { StepJob } from '#contracts/shazam.ts'
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

const at = (turn: Turn, { run, step, node }: Key) =>
  turn.db
    .updateTable('tasker_run_steps')
    .where('run', '=', run)
    .where('step', '=', step)
    .where('node', '=', node)

export interface Ending {
  state: 'success' | 'failure' | 'unknown' | 'stopped'
  exit: number | null
  error: string | null
  stdout: string
}

/** Hands out the steps that are still pending, each once: state and job commit together. */
export async function startSteps(turn: Turn, jobs: readonly StepJob[]): Promise<void> {
  for (const job of jobs) {
    const { numUpdatedRows } = await at(turn, job)
      .set({ state: 'running', attempt: job.attempt, started_at: turn.now })
      .where('state', '=', 'pending')
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) continue
    const id = `${job.run}.${job.step}.${job.node}.${job.attempt}`
    await turn.bus.send('shazam.steps', { id, payload: job }, turn.tx)
  }
}

/** Ends a step that runs as this attempt; anything else is too late and changes nothing. Returns whether it ended. */
export async function endStep(
  turn: Turn,
  work: WorkRow,
  step: Key & { attempt: number },
  ending: Ending,
): Promise<boolean> {
  const { numUpdatedRows } = await at(turn, step)
    .set({ ...ending, ended_at: turn.now })
    .where('state', '=', 'running')
    .where('attempt', '=', step.attempt)
    .executeTakeFirst()
  if (numUpdatedRows !== 1n) return false
  const why = ending.error ?? (ending.exit ? `exit ${ending.exit}` : '')
  const level = ending.state === 'success' ? 'info' : 'error'
  const told = { ...step, repo: work.repo, task: work.task ?? '' }
  noteStep(turn, told, level, `ended: ${ending.state}${why && `, ${why}`}`)
  await advanceWhenEnded(turn, step)
  return true
}

async function advanceWhenEnded(turn: Turn, { run, step }: Key): Promise<void> {
  const running = await turn.db
    .selectFrom('tasker_run_steps')
    .select('node')
    .where('run', '=', run)
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (!running) await turn.bus.send('tasker.advance', { id: `${run}.${step}.end`, payload: { run } }, turn.tx)
}

/** A step that could not be made ready: it never ran, and neither do the others beside it. */
export async function failUnstarted(turn: Turn, step: Key, error: string): Promise<void> {
  await at(turn, step)
    .set({ state: 'failure', error, started_at: turn.now, ended_at: turn.now })
    .where('state', '=', 'pending')
    .execute()
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
  level: 'info' | 'error',
  text: string,
): void {
  turn.note({ repo, node, task, work: run, step, level, text: `step ${step + 1} on ${node} ${text}` })
}
