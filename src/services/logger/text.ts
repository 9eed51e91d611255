import { type Kysely, type SqlBool, sql } from 'kysely'
import type { Tx } from '#store'
import type { Tables } from './tables.ts'

/**
 * The full-text index: SQLite's FTS5 with trigrams, so that any part of a word is found. It keeps neither text nor
 * positions, only which lines have which trigrams: a third as dear to write and a fifth as large as with positions. Its
 * hits are lines that may hold a text; each is looked at. Merging is lazy, so that no slice is held up by a large merge.
 */
export async function createTextIndex(db: Kysely<unknown>): Promise<void> {
  await sql`create virtual table logger_text using fts5(place, text,
    content = '', contentless_delete = 1, detail = none, tokenize = 'trigram')`.execute(db)
  for (const [option, value] of [
    ['automerge', 16],
    ['crisismerge', 256],
  ])
    await sql`insert into logger_text (logger_text, rank) values (${sql.lit(option)}, ${sql.lit(value)})`.execute(
      db,
    )
}

/** Puts lines into the index, numbers after `from` up to `to`. The cross join keeps SQLite from reading every line. */
export async function writeIndex(db: Kysely<Tables>, from: number, to: number): Promise<void> {
  const between = sql`from logger_usage usage cross join logger_lines line on line.repo = usage.repo
    where line.seq > ${from} and line.seq <= ${to}`
  await sql`insert into logger_text (rowid, place, text)
    select line.seq, ${placeInSql}, line.text ${between} and instr(line.text, char(0)) = 0`.execute(db)
  // FTS5 reads no further than a NUL.
  const { rows } = await sql<{ seq: number; place: number; text: string }>`
    select line.seq, usage.id as place, line.text ${between} and instr(line.text, char(0)) > 0`.execute(db)
  for (const { seq, place, text } of rows)
    await sql`insert into logger_text (rowid, place, text)
      values (${seq}, ${placeOf(place)}, ${text.replaceAll('\0', ' ')})`.execute(db)
}

export async function removeFromIndex({ db }: Tx<Tables>, seqs: readonly number[]): Promise<void> {
  await sql`delete from logger_text where rowid in (${sql.join(seqs)})`.execute(db)
}

/** Narrows a search to one repository without reading what others have: one trigram of letters for private use. */
const PLACES = { first: 0xe000, count: 4096 }
const placeOf = (usage: number): string =>
  String.fromCodePoint(PLACES.first + (usage % PLACES.count)).repeat(3)
const letter = sql`${sql.lit(PLACES.first)} + usage.id % ${sql.lit(PLACES.count)}`
const placeInSql = sql`char(${letter}, ${letter}, ${letter})`

/** More would only make the search slower: each hit is looked at anyway. */
const TRIGRAMS = 24

/**
 * The trigrams by which the index finds a text: every third of them covers it, and those over a word's border tell most
 * lines apart. None when the text is too short, or has none without a NUL.
 */
export function trigramsOf(text: string): string[] {
  const letters = [...text]
  const all = letters.slice(2).map((last, i) => `${letters[i]}${letters[i + 1]}${last}`)
  const telling = all.filter((each, i) => i % 3 === 0 || i === all.length - 1 || BORDER.test(each))
  return [...new Set(telling.filter((each) => !each.includes('\0')))].slice(0, TRIGRAMS)
}

const BORDER = /[^\p{L}\p{N}]/u

/** The rows of the index that may hold a text, in one repository's place. */
export const matching = (trigrams: readonly string[], usage: number) =>
  sql<SqlBool>`logger_text match ${[placeOf(usage), ...trigrams].map(quoted).join(' AND ')}`

/** A phrase of FTS5. */
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

/** Whether the column `text` holds a text, capitals or not. SQLite's own `lower` knows A to Z only. */
export function containing(text: string) {
  let folded = sql`lower(logger_lines.text)`
  for (const [capital, small] of foreignLetters(text)) folded = sql`replace(${folded}, ${capital}, ${small})`
  return sql<SqlBool>`instr(${folded}, ${lower(text)}) > 0`
}

/** SQLite nests expressions only so deep; a text with more different letters is compared with those as they are. */
const FOLDED = 200

/** Letters beyond A to Z that have a capital. */
function foreignLetters(text: string): Map<string, string> {
  const pairs = [...lower(text)].map((small) => [capitalOf(small), small] as const)
  const foreign = new Map(pairs.filter(([capital, small]) => capital !== small && small > '\x7f'))
  return new Map([...foreign].slice(0, FOLDED))
}

/** Letter by letter, as FTS5 does it: a letter never becomes two. */
const lower = (text: string): string => [...text].map((each) => single(each.toLowerCase(), each)).join('')
const capitalOf = (small: string): string => single(small.toUpperCase(), small)
const single = (folded: string, given: string): string => ([...folded].length === 1 ? folded : given)
