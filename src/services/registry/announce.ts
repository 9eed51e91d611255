import type { Bus } from '#bus'
import type { Tx } from '#store'
import type { Tables } from './tables.ts'
import { findDependents } from './uses.ts'

/**
 * Tells who depends on each address that its value has moved, in the transaction that moved it. `owner`: a node that
 * has the value itself. `work`: the run or sync that moved it. Returns the nodes.
 */
export async function announceMoved(
  bus: Bus,
  tx: Tx<Tables>,
  repo: string,
  addresses: readonly string[],
  { by, owner, work = null }: { by: string; owner?: string; work?: string | null },
): Promise<string[]> {
  const all = new Set<string>()
  for (const address of addresses) {
    const users = new Set(await findDependents(tx.db, repo, [address]))
    if (owner !== undefined) users.add(owner)
    const nodes = [...users].sort()
    await bus.publish('var.changed', { subject: repo, data: { repo, address, nodes, by, work } }, tx)
    for (const node of nodes) all.add(node)
  }
  return [...all].sort()
}
