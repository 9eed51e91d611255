import type { Bus } from '#bus'
import type { Tx } from '#store'
import type { Tables } from './tables.ts'
import { findDependents } from './uses.ts'

/** Tells who depends on each address that its value has moved, in the transaction that moved it. */
export async function announceMoved(
  bus: Bus,
  tx: Tx<Tables>,
  repo: string,
  addresses: readonly string[],
  by: string,
): Promise<void> {
  for (const address of addresses) {
    const nodes = await findDependents(tx.db, repo, [address])
    await bus.publish('var.changed', { subject: repo, data: { repo, address, nodes, by } }, tx)
  }
}
