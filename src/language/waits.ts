import { childrenOf, type Leaf, landing, leavesOf } from './cycles.ts'
import { cyclesIn } from './graph.ts'
import type { ReadNode } from './node.ts'

/** What a node tells of itself only after its first sync; its address comes before that. */
const late = /^([^.]+)\.(pub_key|facts)(\.|$)/

/**
 * Nodes whose first syncs wait for one another, over whatever values: none of them would ever be synced. `| default`
 * lets a node go on without.
 */
export function checkWaits(nodes: ReadonlyMap<string, ReadNode>): void {
  const leaves = leavesOf(nodes)
  const children = childrenOf(leaves.keys())
  const own = Map.groupBy(leaves.keys(), (address) => address.split('.', 1)[0] ?? '')
  const next = (name: string): string[] => {
    const leaf = leaves.get(name)
    if (leaf) return leaf.needs.flatMap((use) => goal(use, nodes) ?? landing(use, children, leaves) ?? [])
    return name.endsWith(SYNC)
      ? (own.get(name.slice(0, -SYNC.length)) ?? [])
      : [...(children.get(name) ?? [])]
  }
  for (const cycle of cyclesIn(
    [...nodes.keys()].map((id) => id + SYNC),
    next,
  )) {
    const waiting = cycle.filter((name) => name.endsWith(SYNC)).map((name) => name.slice(0, -SYNC.length))
    const first = cycle.map((name) => leaves.get(name)).find((leaf) => leaf !== undefined)
    if (first && waiting.length > 0) report(first, [...new Set(waiting)])
  }
}

/** No address ends like it. */
const SYNC = ' sync'

function goal(use: string, nodes: ReadonlyMap<string, unknown>): string | undefined {
  const id = late.exec(use)?.[1]
  return id !== undefined && nodes.has(id) ? id + SYNC : undefined
}

function report(leaf: Leaf, waiting: readonly string[]): void {
  const [id = ''] = waiting
  const way =
    waiting.length > 1
      ? `nodes wait for one another: ${[...waiting, id].join(' -> ')}`
      : `node ${id} waits for itself`
  leaf.report(
    leaf.at,
    `${way}; facts and pub_key come with a node's first sync, write a \`| default:\` for the time before`,
  )
}
