import type { Migration } from '#store'

export const migrations: readonly Migration[] = [
  {
    id: 'registry/0001-nodes',
    async up(db) {
      await db.schema
        .createTable('registry_nodes')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('node', 'text', (column) => column.notNull())
        .addColumn('server', 'text')
        .addColumn('facts', 'text', (column) => column.notNull())
        .addColumn('applied', 'text')
        .addColumn('created_at', 'bigint')
        .addColumn('fence_work', 'text')
        .addColumn('fence_attempt', 'integer')
        .addColumn('forgotten', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_nodes_key', ['repo', 'node'])
        .execute()
      await db.schema
        .createTable('registry_uses')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('node', 'text', (column) => column.notNull())
        .addColumn('address', 'text', (column) => column.notNull())
        .addColumn('head', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_uses_key', ['repo', 'node', 'address'])
        .execute()
      await db.schema
        .createIndex('registry_uses_by_head')
        .on('registry_uses')
        .columns(['repo', 'head'])
        .execute()
    },
  },
  {
    id: 'registry/0002-variables',
    async up(db) {
      await db.schema
        .createTable('registry_variables')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('set_at', 'bigint', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_variables_key', ['repo', 'scope', 'name'])
        .execute()
      await db.schema
        .createTable('registry_variable_history')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('value', 'text')
        .addColumn('set_at', 'bigint', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_variable_history_key', ['repo', 'scope', 'name', 'version'])
        .execute()
    },
  },
  {
    id: 'registry/0003-platform-keys',
    async up(db) {
      await db.schema
        .createTable('registry_platform_keys')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('public_key', 'text', (column) => column.notNull())
        .addColumn('private_key', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('registry_seal')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .execute()
    },
  },
  {
    id: 'registry/0004-secrets',
    async up(db) {
      await db.schema
        .createTable('registry_secrets')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('action', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text')
        .addColumn('set_at', 'bigint', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_secrets_key', ['repo', 'kind', 'name', 'version'])
        .execute()
    },
  },
  {
    id: 'registry/0005-sources',
    async up(db) {
      await db.schema.alterTable('registry_variables').addColumn('source', 'text').execute()
      await db.schema.alterTable('registry_variable_history').addColumn('source', 'text').execute()
      await db.schema
        .alterTable('registry_variable_history')
        .addColumn('written', 'integer', (column) => column.notNull().defaultTo(0))
        .execute()
    },
  },
  {
    id: 'registry/0006-forgotten',
    async up(db) {
      await db.schema
        .createTable('registry_forgotten')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
]
