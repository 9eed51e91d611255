import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import type { Git } from './git.ts'
import type { Limits } from './limits.ts'
import { findCommit } from './objects.ts'
import { containedPath, type Places } from './places.ts'
import { getRepository } from './records.ts'
import type { Tables } from './tables.ts'

/** What reading of a repository takes. Files are read out of git's objects: no path reaches the file system. */
export interface ReadParts {
  git: Git
  store: Store<Tables>
  places: Places
  limits: Limits
}

/** The commit that is meant, known to exist; that of the active branch, null while nothing was pushed. */
export async function locate({ git, store, places }: ReadParts, repo: string, commit?: string) {
  const row = await getRepository(store.db, repo)
  const at = await containedPath(places, repo)
  if (commit === undefined || commit === row.announced) return { at, commit: row.announced }
  if ((await findCommit(git, { at }, commit)) === undefined)
    throw new Problem('not_found', { what: `commit ${commit} in ${repo}` })
  return { at, commit }
}

/** Git refuses other paths too, but as an error of its own. */
export const isTreePath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0')

export function refuseNoTreePath(path: string): void {
  if (!isTreePath(path))
    throw new Problem('invalid', { reason: `${JSON.stringify(path)} is no path in a repository` })
}
