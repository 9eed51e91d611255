import { wasMadeBy } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'

type Db = Store<Tables>['db']

/** A later repository of the same name starts with nothing of this one. Once: what came after `at` is the later one's. */
export async function forgetRepository({ db }: Tx<Tables>, repo: string, at: number): Promise<void> {
  if ((await forgottenAt(db, repo)) >= at) return
  const tables = [
    'registry_nodes',
    'registry_uses',
    'registry_variables',
    'registry_variable_history',
    'registry_platform_keys',
    'registry_secrets',
  ] as const
  for (const table of tables) await db.deleteFrom(table).where('repo', '=', repo).execute()
  await db
    .insertInto('registry_forgotten')
    .values({ repo, at })
    .onConflict((conflict) => conflict.column('repo').doUpdateSet({ at }))
    .execute()
}

/** Milliseconds since the epoch; 0: never. */
export async function forgottenAt(db: Db, repo: string): Promise<number> {
  const row = await db
    .selectFrom('registry_forgotten')
    .select('at')
    .where('repo', '=', repo)
    .executeTakeFirst()
  return Number(row?.at ?? 0)
}

/**
 * Nothing is recorded for what is gone: neither by a work that was queued for the deleted repository, nor by what began
 * before the deletion. Throws `not_found`.
 */
export async function refuseForgotten(
  db: Db,
  repo: string,
  by: { work?: string | undefined; begun?: number | undefined },
): Promise<void> {
  if (by.work === undefined && by.begun === undefined) return
  const at = await forgottenAt(db, repo)
  if (at === 0) return
  const former = by.work === undefined ? (by.begun ?? 0) <= at : wasMadeBy(by.work, at)
  if (former) throw new Problem('not_found', { what: `repository ${repo} any more: it was deleted` })
}
