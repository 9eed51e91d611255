import type { Migration } from '#store'

export const migrations: readonly Migration[] = [
  {
    id: 'git/0001-repositories',
    async up(db) {
      await db.schema
        .createTable('git_repositories')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('folded', 'text', (column) => column.notNull().unique())
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('owner_folded', 'text', (column) => column.notNull())
        .addColumn('branch', 'text', (column) => column.notNull())
        .addColumn('announced', 'text')
        .addColumn('pushes', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createIndex('git_repositories_owner')
        .on('git_repositories')
        .column('owner_folded')
        .execute()
    },
  },
  {
    id: 'git/0002-settings',
    async up(db) {
      await db.schema
        .alterTable('git_repositories')
        .addColumn('settings', 'text', (column) => column.notNull().defaultTo('{}'))
        .execute()
    },
  },
  {
    id: 'git/0003-marks',
    async up(db) {
      await db.schema
        .createTable('git_marks')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('commit', 'text', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('git_marks_key', ['repo', 'commit'])
        .execute()
    },
  },
  {
    id: 'git/0004-agreed',
    async up(db) {
      await db.schema.alterTable('git_repositories').addColumn('agreed', 'text').execute()
    },
  },
  {
    id: 'git/0005-deleted',
    async up(db) {
      await db.schema
        .createTable('git_deleted')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
]
