import type { Kysely } from 'kysely'
import type { EventData } from '#contracts'
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

/** Whose values have moved when the registry says that a node moved them: facts, its address, its key. */
export const movedNode = (by: string): string | undefined => /^node (.*)$/.exec(by)?.[1]

/** Milliseconds after which values of a node that move again are another matter. */
const SETTLED = 60 * 60_000

/**
 * How deep a sync stands that values of a node lead to. The sync that found them may have found what a run on that node
 * did before. A sync of `node` for values of the same node, which moved again, stands one deeper than the one before:
 * else what moves with each sync, or with each run after it, would never end.
 */
export async function depthOfMoved(
  db: Kysely<Tables>,
  { repo, by, work }: EventData<'var.changed'>,
  node: string,
  now: number,
): Promise<number> {
  const found = work === null ? undefined : await findWork(db, work)
  if (!found) return 0
  const moved = movedNode(by) ?? node
  const origin = await deepestSince(db, { repo, node: moved }, found.created_at)
  const rows = await db
    .selectFrom('tasker_work_nodes as place')
    .innerJoin('tasker_works as work', 'work.id', 'place.work')
    .select('work.cause')
    .where('place.repo', '=', repo)
    .where('place.node', '=', node)
    .where('work.started_at', 'is not', null)
    .where('work.changed_at', '>=', now - SETTLED)
    .orderBy('place.work', 'desc')
    .limit(MOST)
    .execute()
  const before = rows.map(causeOf).filter((cause) => cause.kind === 'variable' && cause.by === by)
  return Math.max(causeOf(found).depth, origin?.depth ?? 0, ...before.map(({ depth }) => depth + 1))
}
