import type { Kysely } from 'kysely'
import { defaultSettings, type Settings, type SettingsChange } from '#contracts/settings.ts'
import { Problem } from '#kit/problem.ts'
import type { RepositoryRow, Tables } from './tables.ts'

export const findRepository = (db: Kysely<Tables>, repo: string): Promise<RepositoryRow | undefined> =>
  db.selectFrom('git_repositories').selectAll().where('repo', '=', repo).executeTakeFirst()

export async function getRepository(db: Kysely<Tables>, repo: string): Promise<RepositoryRow> {
  const row = await findRepository(db, repo)
  if (!row) throw new Problem('not_found', { what: `repository ${repo}` })
  return row
}

export function listRepositories(db: Kysely<Tables>, owner?: string): Promise<RepositoryRow[]> {
  const all = db.selectFrom('git_repositories').selectAll().orderBy('repo')
  if (owner === undefined) return all.execute()
  // The index is of names in lower case.
  return all.where('owner_folded', '=', owner.toLowerCase()).where('owner', '=', owner).execute()
}

/** A repository or owner whose name differs from the wished one by upper and lower case at most. */
export async function findTwin(db: Kysely<Tables>, repo: string): Promise<string | undefined> {
  const owner = repo.split('/')[0] ?? ''
  const twin = await db
    .selectFrom('git_repositories')
    .select(['repo'])
    .where((or) =>
      or.or([
        or('folded', '=', repo.toLowerCase()),
        or.and([or('owner_folded', '=', owner.toLowerCase()), or('owner', '!=', owner)]),
      ]),
    )
    .orderBy('repo')
    .executeTakeFirst()
  return twin?.repo
}

/** Settings that somebody changed. */
export const changedSettings = (row: Pick<RepositoryRow, 'settings'>): SettingsChange =>
  JSON.parse(row.settings)

export const settingsOf = (row: RepositoryRow): Settings => ({
  ...defaultSettings(),
  ...changedSettings(row),
  branch: row.branch,
})

/** Whether somebody named the branch, so that no other may take its place. */
export const choseBranch = (row: Pick<RepositoryRow, 'settings'>): boolean =>
  changedSettings(row).branch !== undefined
