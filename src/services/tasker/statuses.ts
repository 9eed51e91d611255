import type { NodeStatus } from '#contracts/tasker.ts'
import { readDrifts } from './drift.ts'
import type { NodeRow, WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { isAwaiting, readWaits } from './waits.ts'

export async function readStatuses(tasker: Tasker, repo: string): Promise<NodeStatus[]> {
  const nodes = await tasker.db
    .selectFrom('tasker_nodes')
    .selectAll()
    .where('repo', '=', repo)
    .orderBy('node')
    .execute()
  if (nodes.length === 0) return []
  const works = await latestWorks(tasker, repo)
  const running = await runningSyncs(tasker, repo)
  const waits = await readWaits(tasker, [...works.values()])
  const drifts = await readDrifts(tasker.db, repo)
  return nodes.flatMap((node) => {
    const latest = works.get(node.work)
    if (!latest) return []
    const runs = running.get(node.node)
    return [
      toStatus(node, latest, runs ?? latest, waits.get(latest.id) ?? null, drifts.get(node.node) ?? null),
    ]
  })
}

async function latestWorks({ db }: Tasker, repo: string): Promise<Map<string, WorkRow>> {
  const rows = await db
    .selectFrom('tasker_works')
    .innerJoin('tasker_nodes', 'tasker_nodes.work', 'tasker_works.id')
    .selectAll('tasker_works')
    .where('tasker_nodes.repo', '=', repo)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** A newer work may wait behind the one that runs: then the node is being worked on all the same. */
async function runningSyncs({ db }: Tasker, repo: string): Promise<Map<string, WorkRow>> {
  const rows = await db
    .selectFrom('tasker_works')
    .innerJoin('tasker_locks', 'tasker_locks.work', 'tasker_works.id')
    .select('tasker_locks.node as locked')
    .selectAll('tasker_works')
    .where('tasker_locks.repo', '=', repo)
    .where('tasker_works.kind', '!=', 'run')
    .execute()
  return new Map(rows.map(({ locked, ...row }) => [locked, row]))
}

function toStatus(
  node: NodeRow,
  latest: WorkRow,
  shown: WorkRow,
  waits_for: string | null,
  drift: NodeStatus['drift'],
): NodeStatus {
  const status = statusOf(shown, node.synced_commit)
  return {
    repo: node.repo,
    node: node.node,
    status: status === 'synced' && drift ? 'drifted' : status,
    commit: node.synced_commit,
    waits_for,
    // What it waits for is said as that.
    error: latest.state === 'waiting' && isAwaiting(latest.error_code) ? null : latest.error,
    drift,
    work: latest.id,
    changed_at: shown.changed_at,
  }
}

/** The one table from the latest work of a node to the word for people. */
export function statusOf(work: Pick<WorkRow, 'kind' | 'state'>, synced: string | null): NodeStatus['status'] {
  if (work.kind === 'destroy' && (work.state === 'waiting' || work.state === 'running')) return 'destroying'
  switch (work.state) {
    case 'waiting':
      return 'waiting'
    case 'running':
      return 'syncing'
    case 'succeeded':
      return 'synced'
    case 'failed':
      return 'out of sync'
    default:
      return synced === null ? 'new' : 'out of sync'
  }
}
