import type { Kysely } from 'kysely'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'

/** Commits that were rolled back are bad: no push and no other branch makes them what the servers follow again. */
export async function markCommits(
  store: Store<Tables>,
  repo: string,
  commits: readonly string[],
  mark: { by: string; at: number },
): Promise<void> {
  await store.transaction(async ({ db }) => {
    for (const commit of commits)
      await db
        .insertInto('git_marks')
        .values({ repo, commit, ...mark })
        .onConflict((conflict) => conflict.columns(['repo', 'commit']).doNothing())
        .execute()
  })
}

/** Only the commit itself: one that stands on it is a new wish. Throws `rolled_back`. */
export async function refuseMarked(db: Kysely<Tables>, repo: string, commit: string): Promise<void> {
  const mark = await db
    .selectFrom('git_marks')
    .selectAll()
    .where('repo', '=', repo)
    .where('commit', '=', commit)
    .executeTakeFirst()
  if (mark) throw new Problem('rolled_back', { commit: commit.slice(0, 7), by: mark.by })
}
