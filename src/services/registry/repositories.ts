import type { Tx } from '#store'
import type { Tables } from './tables.ts'

/** A later repository of the same name starts with nothing of this one. */
export async function forgetRepository(tx: Tx<Tables>, repo: string): Promise<void> {
  const tables = [
    'registry_nodes',
    'registry_uses',
    'registry_variables',
    'registry_variable_history',
    'registry_platform_keys',
    'registry_secrets',
  ] as const
  for (const table of tables) await tx.db.deleteFrom(table).where('repo', '=', repo).execute()
}
