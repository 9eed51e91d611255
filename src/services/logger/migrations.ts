import type { Migration } from '#store'

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
]
