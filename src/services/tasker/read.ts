import type { Kysely } from 'kysely'
import type { Run, RunStep, Work } from '#contracts/tasker.ts'
import { progressOf } from './progress.ts'
import { consentsOf } from './runs/consent.ts'
import { causeOf, nodesOf, type RunStepRow, type Tables, type WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { readWaits, type Waits } from './waits.ts'

const toWork = (row: WorkRow, waits: Waits): Work => ({
  id: row.id,
  repo: row.repo,
  kind: row.kind,
  nodes: nodesOf(row),
  state: row.state,
  waits_for: waits.get(row.id) ?? null,
  progress: progressOf(row),
  commit: row.commit,
  task: row.task,
  attempt: row.attempt,
  cause: causeOf(row),
  error: row.error,
  created_at: row.created_at,
  started_at: row.started_at,
  ended_at: row.ended_at,
})

export async function toWorks(tasker: Tasker, rows: readonly WorkRow[]): Promise<Work[]> {
  const waits = await readWaits(tasker, rows)
  return rows.map((row) => toWork(row, waits))
}

export async function toRuns(tasker: Tasker, rows: readonly WorkRow[]): Promise<Run[]> {
  const works = await toWorks(tasker, rows)
  const steps = await stepsByRun(
    tasker.db,
    rows.map((row) => row.id),
  )
  const consents = await consentsOf(
    tasker.db,
    rows.map((row) => row.id),
  )
  return works.map((work) => ({
    ...work,
    consent: consents.get(work.id) ?? null,
    steps: (steps.get(work.id) ?? []).map(toStep),
  }))
}

async function stepsByRun(db: Kysely<Tables>, runs: readonly string[]): Promise<Map<string, RunStepRow[]>> {
  if (runs.length === 0) return new Map()
  const rows = await db
    .selectFrom('tasker_run_steps')
    .selectAll()
    .where('run', 'in', runs)
    .orderBy('step')
    .orderBy('node')
    .execute()
  return Map.groupBy(rows, (row) => row.run)
}

const toStep = ({
  run: _run,
  stdout: _stdout,
  stopping: _stopping,
  outputs,
  ...step
}: RunStepRow): RunStep => ({
  ...step,
  outputs: JSON.parse(outputs),
})
