import type { Store } from '#store'
import { headOf, overlap } from './addresses.ts'
import type { Tables } from './tables.ts'

type Db = Store<Tables>['db']

export async function replaceUses(
  db: Db,
  repo: string,
  node: string,
  addresses: readonly string[],
): Promise<void> {
  await db.deleteFrom('registry_uses').where('repo', '=', repo).where('node', '=', node).execute()
  const rows = [...new Set(addresses)].map((address) => ({ repo, node, address, head: headOf(address) }))
  for (let i = 0; i < rows.length; i += 500)
    await db
      .insertInto('registry_uses')
      .values(rows.slice(i, i + 500))
      .execute()
}

/** Adds what is not known yet. Returns whether there was any. */
export async function addUses(
  db: Db,
  repo: string,
  node: string,
  addresses: readonly string[],
): Promise<boolean> {
  const fresh = await unknownUses(db, repo, node, addresses)
  const rows = fresh.map((address) => ({ repo, node, address, head: headOf(address) }))
  for (let i = 0; i < rows.length; i += 500)
    await db
      .insertInto('registry_uses')
      .values(rows.slice(i, i + 500))
      .execute()
  return rows.length > 0
}

export async function unknownUses(
  db: Db,
  repo: string,
  node: string,
  addresses: readonly string[],
): Promise<string[]> {
  const rows = await db
    .selectFrom('registry_uses')
    .select('address')
    .where('repo', '=', repo)
    .where('node', '=', node)
    .execute()
  const known = new Set(rows.map(({ address }) => address))
  return [...new Set(addresses)].filter((address) => !known.has(address))
}

/**
 * Nodes that depend on any of the addresses: those that used one (or something above or below it), and those that used
 * the configuration or variables of such a node, since these may be rendered from it. Sorted.
 */
export async function findDependents(db: Db, repo: string, addresses: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  let frontier = addresses
  while (frontier.length > 0) {
    const fresh = (await findUsers(db, repo, frontier)).filter((node) => !found.has(node))
    for (const node of fresh) found.add(node)
    frontier = fresh.flatMap((node) => [`${node}.configuration`, `${node}.vars`])
  }
  return [...found].sort()
}

/** Nodes whose own configuration uses one of the addresses, or something above or below it. */
export async function findUsers(db: Db, repo: string, addresses: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('registry_uses')
    .select(['node', 'address'])
    .where('repo', '=', repo)
    .where('head', 'in', [...new Set(addresses.map(headOf))])
    .execute()
  const users = rows.filter((row) => addresses.some((address) => overlap(row.address, address)))
  return [...new Set(users.map(({ node }) => node))]
}
