import type { Kysely } from 'kysely'
import { causeOf, type Tables } from './tables.ts'
import { findWork } from './works.ts'

/** A work, and how many events deep it stands in its chain. */
export interface Origin {
  work: string
  depth: number
}

/** How deep the work stands from which a change comes. What nobody knows any more is a beginning. */
export async function depthOf(db: Kysely<Tables>, work: string | null): Promise<number> {
  const row = work === null ? undefined : await findWork(db, work)
  return row ? causeOf(row).depth : 0
}

/** Works that are looked at: more on one node between two looks are no chain, which takes turns. */
const MOST = 100

/**
 * Of the works on a node that go on, or changed since, the one that stands deepest; none if all are beginnings. What happened to the node in this
 * time may be their doing: so a chain that leads over drift or an outage keeps its length.
 */
export async function deepestSince(
  db: Kysely<Tables>,
  { repo, node }: { repo: string; node: string },
  since: number,
): Promise<Origin | undefined> {
  const rows = await db
    .selectFrom('tasker_work_nodes as place')
    .innerJoin('tasker_works as work', 'work.id', 'place.work')
    .select(['work.id', 'work.cause', 'work.changed_at', 'work.state'])
    .where('place.repo', '=', repo)
    .where('place.node', '=', node)
    .where('work.started_at', 'is not', null)
    .orderBy('place.work', 'desc')
    .limit(MOST)
    .execute()
  const [deepest] = rows
    .filter(({ state, changed_at }) => state === 'running' || changed_at >= since)
    .map((row) => ({ work: row.id, depth: causeOf(row).depth }))
    .filter(({ depth }) => depth > 0)
    .toSorted((a, b) => b.depth - a.depth)
  return deepest
}
