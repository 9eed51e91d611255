import type { Migration } from '#store'

export const migrations: readonly Migration[] = [
  {
    id: 'monitor/0001-nodes',
    async up(db) {
      await db.schema
        .createTable('monitor_nodes')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('node', 'text', (column) => column.notNull())
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('port', 'integer', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('since', 'bigint')
        .addColumn('reason', 'text')
        .addPrimaryKeyConstraint('monitor_nodes_key', ['repo', 'node'])
        .execute()
    },
  },
]
