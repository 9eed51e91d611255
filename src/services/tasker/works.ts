import type { Kysely } from 'kysely'
import type { Promised } from '#contracts/shazam.ts'
import type { Cause, Work } from '#contracts/tasker.ts'
import { newId } from '#kit/ids.ts'
import { enqueue } from './queue.ts'
import { announceWork } from './states.ts'
import type { Tables, WorkRow } from './tables.ts'
import { nextSeq, type Turn } from './turn.ts'

export interface NewWork {
  id?: string
  repo: string
  kind: Work['kind']
  nodes: readonly string[]
  commit: string | null
  task?: string
  cause: Cause
  /** Milliseconds since the epoch; at once when absent. */
  run_at?: number
  promised?: Promised
}

export interface NeverBegun {
  state: 'failed' | 'superseded'
  error: string
}

/**
 * Ids of works sort as they were queued, even within one millisecond: the registry fences by them.
 * With `ended`, the work is kept as ended for that reason, so that who looks for it finds why it never began.
 */
export async function insertWork(turn: Turn, work: NewWork, ended?: NeverBegun): Promise<WorkRow> {
  const seq = await nextSeq(turn.db, turn.now)
  const row: WorkRow = {
    id: work.id ?? newId(seq),
    seq,
    repo: work.repo,
    kind: work.kind,
    nodes: JSON.stringify(work.nodes),
    state: ended?.state ?? 'waiting',
    commit: work.commit,
    task: work.task ?? null,
    attempt: 1,
    failures: 0,
    run_at: work.run_at ?? turn.now,
    cause: JSON.stringify(work.cause),
    error: ended?.error ?? null,
    error_code: null,
    cancelled_by: null,
    created_at: turn.now,
    started_at: null,
    ended_at: ended ? turn.now : null,
    changed_at: turn.now,
    promised: work.promised ? JSON.stringify(work.promised) : null,
    progress: null,
  }
  await turn.db.insertInto('tasker_works').values(row).execute()
  if (work.nodes.length > 0) {
    const rows = work.nodes.map((node) => ({ work: row.id, repo: row.repo, node }))
    await turn.db.insertInto('tasker_work_nodes').values(rows).execute()
  }
  if (row.state === 'waiting') await enqueue(turn, row)
  await announceWork(turn, row)
  return row
}

export const findWork = (db: Kysely<Tables>, id: string): Promise<WorkRow | undefined> =>
  db.selectFrom('tasker_works').selectAll().where('id', '=', id).executeTakeFirst()

export async function findWorks(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, WorkRow>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('tasker_works').selectAll().where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** The sync or destroy of a node that has not begun; there is at most one. */
export const waitingNodeWork = (
  db: Kysely<Tables>,
  repo: string,
  node: string,
): Promise<WorkRow | undefined> =>
  db
    .selectFrom('tasker_works')
    .innerJoin('tasker_nodes', 'tasker_nodes.work', 'tasker_works.id')
    .selectAll('tasker_works')
    .where('tasker_nodes.repo', '=', repo)
    .where('tasker_nodes.node', '=', node)
    .where('tasker_works.state', '=', 'waiting')
    .executeTakeFirst()
