import type { NewLine } from '#contracts/logger.ts'
import { wasMadeBy } from '#kit/ids.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'
import { removeFromIndex } from './text.ts'

type Db = Store<Tables>['db']

/** Lines removed in one transaction: appends come in between. */
const BATCH = 5000

/**
 * A later repository of the same name shows no line of this one. They are hidden at once, however many there are, and
 * swept away later.
 */
export async function forgetRepository({ db }: Tx<Tables>, repo: string, at: number): Promise<void> {
  const former = await db
    .selectFrom('logger_forgotten')
    .select('at')
    .where('repo', '=', repo)
    .executeTakeFirst()
  if (former && Number(former.at) >= at) return
  const { last } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
  const hidden = { at, until: Number(last) }
  await db
    .insertInto('logger_forgotten')
    .values({ repo, ...hidden })
    .onConflict((conflict) => conflict.column('repo').doUpdateSet(hidden))
    .execute()
  await db
    .updateTable('logger_usage')
    .set({ lines: 0, size: 0, removed_lines: 0, removed_until: 0 })
    .where('repo', '=', repo)
    .execute()
}

/** Lines up to this number are hidden; 0: none. */
export async function hiddenUntil(db: Db, repo: string): Promise<number> {
  const row = await db
    .selectFrom('logger_forgotten')
    .select('until')
    .where('repo', '=', repo)
    .executeTakeFirst()
  return Number(row?.until ?? 0)
}

/** Without what is said of a repository that was deleted: lines of its works come late. */
export async function withoutForgotten(db: Db, lines: readonly NewLine[]): Promise<ReadonlySet<NewLine>> {
  if (lines.length === 0) return new Set()
  const repos = [...new Set(lines.map(({ repo }) => repo))]
  const rows = await db.selectFrom('logger_forgotten').selectAll().where('repo', 'in', repos).execute()
  if (rows.length === 0) return new Set(lines)
  const deleted = new Map(rows.map(({ repo, at }) => [repo, Number(at)]))
  const isFormer = ({ repo, at, work }: NewLine) => {
    const end = deleted.get(repo)
    return end !== undefined && (work === undefined ? at <= end : wasMadeBy(work, end))
  }
  return new Set(lines.filter((line) => !isFormer(line)))
}

/** Removes a batch of hidden lines. Whether there may be more. */
export const sweepForgotten = (store: Store<Tables>): Promise<boolean> =>
  store.transaction(async (tx) => {
    for (const { repo, until } of await tx.db.selectFrom('logger_forgotten').selectAll().execute()) {
      const rows = await tx.db
        .selectFrom('logger_lines')
        .select('seq')
        .where('repo', '=', repo)
        .where('seq', '<=', Number(until))
        .orderBy('seq')
        .limit(BATCH)
        .execute()
      const last = rows.at(-1)
      if (!last) continue
      await tx.db.deleteFrom('logger_lines').where('repo', '=', repo).where('seq', '<=', last.seq).execute()
      await removeFromIndex(
        tx,
        rows.map(({ seq }) => seq),
      )
      return true
    }
    return false
  })
