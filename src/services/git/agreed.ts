import type { Agreed } from '#contracts/git.ts'
import type { Store } from '#store'
import type { Consent } from './consent.ts'
import { findRepository } from './records.ts'
import type { RepositoryRow, Tables } from './tables.ts'

interface Kept extends Agreed {
  commit: string
}

const read = ({ agreed }: Pick<RepositoryRow, 'agreed'>): Kept | undefined =>
  agreed === null ? undefined : (JSON.parse(agreed) as Kept)

/**
 * Keeps what a move of the branch was agreed with, before its refs move: whoever destroys looks at it again, also when
 * the move is announced by the next start only. What another move agreed to and nobody announced yet is still agreed.
 */
export async function keepAgreed(
  store: Store<Tables>,
  repo: string,
  commit: string,
  { destroy, replace }: Consent,
): Promise<void> {
  const row = await findRepository(store.db, repo)
  const former = row && read(row)
  const open = former && former.commit !== row.announced ? former : undefined
  if (!former && destroy.size + replace.size === 0) return
  const agreed: Kept = {
    commit,
    destroy: [...new Set([...(open?.destroy ?? []), ...destroy])].sort(),
    replace: [...new Set([...(open?.replace ?? []), ...replace])].sort(),
  }
  await store.transaction(async ({ db }) => {
    await db
      .updateTable('git_repositories')
      .set({ agreed: JSON.stringify(agreed) })
      .where('repo', '=', repo)
      .execute()
  })
}

/** What was agreed to for this commit; undefined: nothing. */
export function agreedTo(row: Pick<RepositoryRow, 'agreed'>, commit: string | null): Agreed | undefined {
  const kept = read(row)
  if (!kept || kept.commit !== commit || kept.destroy.length + kept.replace.length === 0) return undefined
  return { destroy: kept.destroy, replace: kept.replace }
}
