import type { Kysely } from 'kysely'
import type { HookRequest } from '#contracts/deliveries.ts'
import type { Task } from '#contracts/descriptors.ts'
import type { Tables, WorkRow } from '../tables.ts'
import { findWork } from '../works.ts'

/** All that a run was made from. */
export interface Snapshot {
  work: WorkRow
  task: Task
  scripts: Record<string, string>
  vars: Record<string, unknown>
  event: object | null
  payload: unknown
  request: HookRequest | null
}

export async function findSnapshot(db: Kysely<Tables>, run: string): Promise<Snapshot | undefined> {
  const work = await findWork(db, run)
  const row = await db.selectFrom('tasker_runs').selectAll().where('work', '=', run).executeTakeFirst()
  if (!work || !row) return undefined
  return {
    work,
    task: JSON.parse(row.task),
    scripts: JSON.parse(row.scripts),
    vars: JSON.parse(row.vars),
    event: JSON.parse(row.event),
    payload: JSON.parse(row.payload),
    request: JSON.parse(row.request),
  }
}
