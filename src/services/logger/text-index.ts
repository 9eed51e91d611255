import { type Kysely, sql } from 'kysely'
import type { Log } from '#kit/log.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'

/**
 * The full-text index over lines: SQLite's FTS5 with trigrams, so that any part of a word is found. It keeps no text of
 * its own. `place` narrows a search to one repository without reading what others have.
 */
export async function createTextIndex(db: Kysely<unknown>): Promise<void> {
  await sql`create virtual table logger_text
    using fts5(place, text, content = '', contentless_delete = 1, tokenize = 'trigram')`.execute(db)
}

/** Shorter texts have no trigram. */
export const SHORTEST = 3

/** Lines a transaction: some ten milliseconds in which nobody else writes. */
const BATCH = 2000

/** Milliseconds in which other lines may come: each transaction is a sync of the disk, and nobody waits for this one. */
const LINGER = 100

/** One trigram of a repository; two may share one, so a hit is always looked at. */
const place = (id: ReturnType<typeof sql.ref>) => sql<string>`printf('%03x', ${id} % 4096)`

/**
 * Brings lines into the index behind the appends, so that a burst is written at the speed of the table alone. Until a
 * line is in, searches read it as it is.
 */
export class TextIndex implements AsyncDisposable {
  readonly #store: Store<Tables>
  readonly #log: Log
  #working: Promise<void> | undefined
  #stopped = false
  #hurry = () => {}

  constructor(store: Store<Tables>, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** There are new lines. */
  wake(): void {
    if (this.#stopped) return
    this.#working ??= this.#catchUp()
      .catch((error: unknown) =>
        this.#log.error({ err: error }, 'lines could not be indexed; searches read them as they are'),
      )
      .finally(() => {
        this.#working = undefined
      })
  }

  async #catchUp(): Promise<void> {
    await this.#linger()
    while (!this.#stopped && (await this.#store.transaction(indexBatch)));
  }

  #linger(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LINGER)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#hurry()
    await this.#working
  }
}

/** Whether there was anything to index. */
async function indexBatch({ db }: Tx<Tables>): Promise<boolean> {
  const { last: from } = await db
    .selectFrom('logger_indexed')
    .select('last')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow()
  const { last: newest } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
  if (from >= newest) return false
  const to = Math.min(from + BATCH, newest)
  await sql`insert into logger_text (rowid, place, text)
    select line.seq, ${place(sql.ref('usage.id'))}, line.text
    from logger_usage usage join logger_lines line on line.repo = usage.repo
    where line.seq > ${from} and line.seq <= ${to}`.execute(db)
  await db.updateTable('logger_indexed').set({ last: to }).where('id', '=', 1).execute()
  return true
}

/** The rows of the index whose text holds `text`, in one repository's place. */
export const matching = (text: string, usage: number) =>
  sql<boolean>`logger_text match ${`place : "${(usage % 4096).toString(16).padStart(3, '0')}" AND text : ${quoted(text)}`}`

/** A phrase of FTS5. */
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

export async function removeFromIndex({ db }: Tx<Tables>, seqs: readonly number[]): Promise<void> {
  await sql`delete from logger_text where rowid in (${sql.join(seqs)})`.execute(db)
}
