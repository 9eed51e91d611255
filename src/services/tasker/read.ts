import type { Kysely } from 'kysely'
import type { Consent, Run, RunStep, Work } from '#contracts/tasker.ts'
import { type Decision, decide } from './dispatch.ts'
import { queued } from './dispatcher.ts'
import { causeOf, nodesOf, type RunStepRow, type Tables, type WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { waitSentence } from './waits.ts'
import { openWorks } from './works.ts'

/** Why works wait, as of now: computed when asked, so it is never out of date. */
export interface Waits {
  of(work: WorkRow): string | null
}

export async function readWaits({ db, clock, limit }: Tasker): Promise<Waits> {
  const rows = await openWorks(db)
  const now = clock.now()
  const decision: Decision = decide(rows.map(queued), now, limit)
  const works = new Map(rows.map((row) => [row.id, row]))
  const later = rows.filter((row) => row.kind === 'run' && row.state === 'waiting' && row.run_at > now)
  const consents = await consentsOf(
    db,
    later.map((row) => row.id),
  )
  return { of: (work) => waitSentence({ work, decision, works, now, consent: consents.get(work.id) }) }
}

export const toWork = (row: WorkRow, waits: Waits): Work => ({
  id: row.id,
  repo: row.repo,
  kind: row.kind,
  nodes: nodesOf(row),
  state: row.state,
  waits_for: waits.of(row),
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
  const waits = await readWaits(tasker)
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

async function consentsOf(db: Kysely<Tables>, runs: readonly string[]): Promise<Map<string, Consent>> {
  if (runs.length === 0) return new Map()
  const rows = await db
    .selectFrom('tasker_runs')
    .select(['work', 'consent'])
    .where('work', 'in', runs)
    .where('consent', 'is not', null)
    .execute()
  return new Map(rows.map(({ work, consent }) => [work, JSON.parse(consent ?? 'null') as Consent]))
}
