import type { Bus } from '#bus'
import type { Health } from '#contracts/monitor.ts'
import type { NodeRecord } from '#contracts/registry.ts'
import { isProblem } from '#kit/problem.ts'
import { noSuch } from './names.ts'
import type { NodeView } from './views.ts'

/** Every node that a repository describes or that has a record, joined from four services. Sorted by name. */
export async function viewNodes(bus: Bus, repo: string): Promise<NodeView[]> {
  const [{ nodes }, records, statuses, healths] = await Promise.all([
    bus.ask('git.infrastructure', { repo }),
    bus.ask('registry.list_nodes', { repo }),
    bus.ask('tasker.node_statuses', { repo }),
    health(bus, repo),
  ])
  const ids = new Set([...nodes.map(({ id }) => id), ...records.map(({ node }) => node)])
  return [...ids].toSorted().map((node) => ({
    repo,
    node,
    descriptor: nodes.find(({ id }) => id === node) ?? null,
    ...state(records.find((record) => record.node === node)),
    status: statuses.find((status) => status.node === node) ?? null,
    health: healths.find((one) => one.node === node) ?? null,
  }))
}

export async function viewNode(bus: Bus, repo: string, node: string): Promise<NodeView> {
  const all = await viewNodes(bus, repo)
  const view = all.find((one) => one.node === node)
  if (view) return view
  const names = all.map((one) => one.node)
  throw noSuch('node', node, ` in ${repo}`, names)
}

const state = (record: NodeRecord | undefined) => ({
  server: record?.server ?? null,
  facts: record?.facts ?? {},
  applied: record?.applied
    ? {
        commit: record.applied.commit,
        at: record.applied.at,
        work: record.applied.work,
        resources: record.applied.manifest.length,
      }
    : null,
  created_at: record?.created_at ?? null,
})

/** Nodes can be listed while the monitor is away: their health is then null, which is what we know. */
async function health(bus: Bus, repo: string): Promise<Health[]> {
  try {
    return await bus.ask('monitor.status', { repo }, { deadline: 3000 })
  } catch (error) {
    if (isProblem(error, 'no_answer') || isProblem(error, 'deadline')) return []
    throw error
  }
}
