import type { Migration } from '#store'

export const migrations: readonly Migration[] = [
  {
    id: 'profiles/0001-users',
    async up(db) {
      await db.schema
        .createTable('profiles_users')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('folded', 'text', (column) => column.notNull().unique())
        .addColumn('email', 'text')
        .addColumn('password', 'text')
        .addColumn('admin', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
  {
    id: 'profiles/0002-credentials',
    async up(db) {
      await db.schema
        .createTable('profiles_keys')
        .addColumn('fingerprint', 'text', (column) => column.primaryKey())
        .addColumn('user', 'text', (column) => column.notNull())
        .addColumn('title', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute()
      await db.schema.createIndex('profiles_keys_by_user').on('profiles_keys').column('user').execute()
      await db.schema
        .createTable('profiles_tokens')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('user', 'text', (column) => column.notNull())
        .addColumn('title', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint')
        .addColumn('used_at', 'bigint')
        .execute()
      await db.schema.createIndex('profiles_tokens_by_user').on('profiles_tokens').column('user').execute()
    },
  },
  {
    id: 'profiles/0003-collaborators',
    async up(db) {
      await db.schema
        .createTable('profiles_collaborators')
        .addColumn('repo', 'text', (column) => column.notNull())
        .addColumn('user', 'text', (column) => column.notNull())
        .addColumn('role', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('profiles_collaborators_key', ['repo', 'user'])
        .execute()
      await db.schema
        .createIndex('profiles_collaborators_by_user')
        .on('profiles_collaborators')
        .column('user')
        .execute()
    },
  },
  {
    id: 'profiles/0004-sign-ins',
    async up(db) {
      await db.schema
        .createTable('profiles_sign_ins')
        .addColumn('key', 'text', (column) => column.primaryKey())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('last_at', 'bigint', (column) => column.notNull())
        .addColumn('blocked_until', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
  {
    id: 'profiles/0005-scopes',
    async up(db) {
      await db.schema
        .alterTable('profiles_users')
        .addColumn('disabled', 'integer', (column) => column.notNull().defaultTo(0))
        .execute()
      const tokens = db.schema.alterTable('profiles_tokens')
      // What there is was made to do all.
      await tokens.addColumn('scope', 'text', (column) => column.notNull().defaultTo('admin')).execute()
      await tokens.addColumn('repo', 'text').execute()
      await tokens.addColumn('session', 'integer', (column) => column.notNull().defaultTo(0)).execute()
    },
  },
  {
    id: 'profiles/0006-audit',
    async up(db) {
      await db.schema
        .createTable('profiles_audit')
        .addColumn('seq', 'bigint', (column) => column.primaryKey())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('actor', 'text')
        .addColumn('via', 'text')
        .addColumn('credential', 'text')
        .addColumn('from', 'text')
        .addColumn('action', 'text', (column) => column.notNull())
        .addColumn('repo', 'text')
        .addColumn('cause', 'text', (column) => column.notNull())
        .addColumn('details', 'text', (column) => column.notNull())
        .addColumn('outcome', 'text', (column) => column.notNull())
        .addColumn('of', 'bigint')
        .addColumn('hash', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createIndex('profiles_audit_by_repo')
        .on('profiles_audit')
        .columns(['repo', 'seq'])
        .execute()
      await db.schema
        .createTable('profiles_audit_head')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .execute()
    },
  },
  {
    id: 'profiles/0007-provider-credentials',
    async up(db) {
      await db.schema
        .createTable('profiles_credentials')
        .addColumn('user', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('provider', 'text', (column) => column.notNull())
        .addColumn('fields', 'text', (column) => column.notNull())
        .addColumn('repos', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .addColumn('set_at', 'bigint', (column) => column.notNull())
        .addColumn('checked_at', 'bigint')
        .addColumn('said', 'text')
        .addColumn('used_at', 'bigint')
        .addPrimaryKeyConstraint('profiles_credentials_key', ['user', 'name'])
        .execute()
    },
  },
  {
    id: 'profiles/0008-indexes',
    async up(db) {
      const index = (name: string) => db.schema.createIndex(name).on('profiles_audit')
      await index('profiles_audit_by_actor').columns(['actor', 'seq']).execute()
      await index('profiles_audit_by_action').columns(['action', 'seq']).execute()
      await db.schema.createIndex('profiles_tokens_by_repo').on('profiles_tokens').column('repo').execute()
      await db.schema.createIndex('profiles_users_by_admin').on('profiles_users').column('admin').execute()
      await db.schema
        .createIndex('profiles_sign_ins_by_age')
        .on('profiles_sign_ins')
        .column('last_at')
        .execute()
    },
  },
  {
    id: 'profiles/0009-forgotten',
    async up(db) {
      await db.schema
        .createTable('profiles_forgotten')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('audited', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
]
