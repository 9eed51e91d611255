import { sql } from 'kysely'
import type { Input, Output } from '#contracts'
import type { Line } from '#contracts/logger.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'

type Query = Input<'logger.query'>

/**
 * Lines in order. `last` is where the next query goes on (`after`): the last line given or, when there were no more, the
 * newest line that the store held before it was asked, so that a filtered tail does not look at the same lines again.
 */
export async function findLines(db: Store<Tables>['db'], query: Query): Promise<Output<'logger.query'>> {
  const { last: newest } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
  const { after, limit } = query
  const rows = await filtered(db, query)
    .$if(after !== undefined, (select) => select.where('seq', '>', after ?? 0))
    .orderBy('seq', after === undefined ? 'desc' : 'asc')
    .limit(limit)
    .execute()
  const lines = rows.map(toLine)
  if (after === undefined) lines.reverse()
  const end = lines.at(-1)?.seq ?? 0
  const cut = after !== undefined && lines.length === limit
  return { lines, last: cut ? end : Math.max(end, newest, after ?? 0) }
}

function filtered(db: Store<Tables>['db'], { repo, node, task, work, text }: Query) {
  let select = db.selectFrom('logger_lines').selectAll().where('repo', '=', repo)
  if (node !== undefined) select = select.where('node', '=', node)
  if (task !== undefined) select = select.where('task', '=', task)
  if (work !== undefined) select = select.where('work', '=', work)
  if (text) select = select.where(sql<boolean>`lower(text) like ${containing(text)} escape '\\'`)
  return select
}

/** A pattern for LIKE; letters are folded as SQLite folds them, A to Z only. */
const containing = (text: string): string =>
  `%${text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/[\\%_]/g, '\\$&')}%`

function toLine({ node, task, work, step, ...rest }: Tables['logger_lines']): Line {
  return {
    ...rest,
    ...(node !== null && { node }),
    ...(task !== null && { task }),
    ...(work !== null && { work }),
    ...(step !== null && { step }),
  }
}
