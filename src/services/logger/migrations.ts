import { type Kysely, sql } from 'kysely'
import type { Migration } from '#store'
import { createTextIndex } from './text.ts'

export const migrations: readonly Migration[] = [
  {
    id: 'logger/0001-lines',
    async up(db) {
      await db.schema
        .createTable('logger_lines')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('seq', 'bigint', (column) => column.notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('node', 'text')
        .addColumn('task', 'text')
        .addColumn('work', 'text')
        .addColumn('step', 'integer')
        .addColumn('stream', 'text', (column) => column.notNull())
        .addColumn('level', 'text', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('logger_lines_key', ['repo', 'seq'])
        .execute()
      const index = (name: string, columns: string[]) =>
        db.schema.createIndex(`logger_lines_by_${name}`).on('logger_lines').columns(columns).execute()
      await index('node', ['repo', 'node', 'seq'])
      await index('work', ['repo', 'work', 'seq'])
      await index('age', ['at'])
      await db.schema
        .createTable('logger_sequence')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('last', 'bigint', (column) => column.notNull())
        .execute()
      await db.insertInto('logger_sequence').values({ id: 1, last: 0 }).execute()
    },
  },
  {
    id: 'logger/0002-search',
    async up(db) {
      await db.schema.alterTable('logger_lines').addColumn('service', 'text').execute()
      await sql`create virtual table logger_text
        using fts5(place, text, content = '', contentless_delete = 1, tokenize = 'trigram')`.execute(db)
      await createCounter(db, 'logger_indexed')
      await createUsage(db)
      await db.schema
        .createTable('logger_forwards')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('last', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
  {
    id: 'logger/0003-smaller-index',
    async up(db) {
      await sql`drop table logger_text`.execute(db)
      await createTextIndex(db)
      // Old lines are searched as they are until the index, behind everything else, has them again.
      await sql`update logger_indexed set last = 0`.execute(db)
    },
  },
  {
    id: 'logger/0004-forgotten',
    async up(db) {
      await db.schema
        .createTable('logger_forgotten')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('until', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
]

async function createCounter(db: Kysely<unknown>, name: string): Promise<void> {
  await db.schema
    .createTable(name)
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('last', 'bigint', (column) => column.notNull())
    .execute()
  await sql`insert into ${sql.table(name)} (id, last) values (1, 0)`.execute(db)
}

async function createUsage(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('logger_usage')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('repo', 'text', (column) => column.notNull().unique())
    .addColumn('lines', 'bigint', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('removed_lines', 'bigint', (column) => column.notNull())
    .addColumn('removed_until', 'bigint', (column) => column.notNull())
    .execute()
  await sql`insert into logger_usage (repo, lines, size, removed_lines, removed_until)
    select repo, count(*), sum(octet_length(text)), 0, 0 from logger_lines group by repo`.execute(db)
}
