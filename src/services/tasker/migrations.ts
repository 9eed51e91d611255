import { type Kysely, sql } from 'kysely'
import type { Migration } from '#store'
import type { Tables } from './tables.ts'

export const migrations: readonly Migration[] = [
  {
    id: 'tasker/0001-works',
    async up(db) {
      await createTurn(db)
      await createWorks(db)
      await createNodes(db)
    },
  },
  {
    id: 'tasker/0002-runs',
    async up(db) {
      await createRuns(db)
      await createTriggers(db)
    },
  },
  {
    id: 'tasker/0003-plans',
    async up(db) {
      await db.schema.alterTable('tasker_works').addColumn('promised', 'text').execute()
      await createPlans(db)
    },
  },
  { id: 'tasker/0004-drift', up: createLooks },
  {
    id: 'tasker/0005-step-keys',
    async up(db) {
      const steps = db.schema.alterTable('tasker_run_steps')
      await steps.addColumn('outputs', 'text', (column) => column.notNull().defaultTo('{}')).execute()
      await steps.addColumn('retry_at', 'bigint').execute()
      await steps.addColumn('stopping', 'text').execute()
      await db.schema.alterTable('tasker_runs').addColumn('consent', 'text').execute()
    },
  },
  {
    id: 'tasker/0006-queue',
    async up(db) {
      await createQueue(db)
      await fillQueue(db)
      await createLimits(db)
    },
  },
  {
    id: 'tasker/0007-webhooks',
    async up(db) {
      await db.schema
        .alterTable('tasker_runs')
        .addColumn('request', 'text', (column) => column.notNull().defaultTo('null'))
        .execute()
      await createDeliveries(db)
    },
  },
  { id: 'tasker/0008-crons', up: createSchedules },
  {
    id: 'tasker/0009-retention',
    async up(db) {
      const index = (name: string) => db.schema.createIndex(name).on('tasker_works')
      await index('tasker_works_ended').column('ended_at').execute()
      await index('tasker_works_seq').columns(['repo', 'seq']).execute()
      await index('tasker_works_latest').columns(['repo', 'task', 'seq']).execute()
      await db.schema.createIndex('tasker_nodes_work').on('tasker_nodes').column('work').execute()
    },
  },
  {
    id: 'tasker/0010-tips',
    async up(db) {
      await db.schema
        .createTable('tasker_tips')
        .addColumn('repo', 'text', (column) => column.primaryKey())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('commit', 'text')
        .execute()
      // What was queued before was judged when it was pushed.
      await db.schema
        .alterTable('tasker_nodes')
        .addColumn('agreed', 'integer', (column) => column.notNull().defaultTo(1))
        .execute()
    },
  },
  {
    id: 'tasker/0011-indexes',
    async up(db) {
      await db.schema
        .createIndex('tasker_works_unresolved')
        .on('tasker_works')
        .columns(['repo', 'state', 'error_code'])
        .execute()
      const index = (name: string) => db.schema.createIndex(name).on('tasker_plans')
      await index('tasker_plans_repo').column('repo').execute()
      await index('tasker_plans_age').column('expires_at').execute()
    },
  },
  {
    id: 'tasker/0012-closed',
    async up(db) {
      const tips = db.schema.alterTable('tasker_tips')
      await tips.addColumn('closed_until', 'bigint', (column) => column.notNull().defaultTo(0)).execute()
      await tips.addColumn('forgotten_at', 'bigint', (column) => column.notNull().defaultTo(0)).execute()
      await db.schema.createIndex('tasker_tips_closed').on('tasker_tips').column('closed_until').execute()
    },
  },
  {
    id: 'tasker/0013-progress',
    async up(db) {
      await db.schema.alterTable('tasker_works').addColumn('progress', 'text').execute()
    },
  },
  {
    id: 'tasker/0014-arming',
    async up(db) {
      await db.schema
        .createTable('tasker_arming')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('shape', 'integer', (column) => column.notNull())
        .execute()
    },
  },
]

async function createTurn(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_turn')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .execute()
  await db.insertInto('tasker_turn').values({ id: 1, seq: 0 }).execute()
}

async function createWorks(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_works')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('seq', 'bigint', (column) => column.notNull().unique())
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('nodes', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('commit', 'text')
    .addColumn('task', 'text')
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('failures', 'integer', (column) => column.notNull())
    .addColumn('run_at', 'bigint', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addColumn('error', 'text')
    .addColumn('error_code', 'text')
    .addColumn('cancelled_by', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('tasker_works_state').on('tasker_works').columns(['state', 'seq']).execute()
  await db.schema
    .createIndex('tasker_works_repo')
    .on('tasker_works')
    .columns(['repo', 'kind', 'seq'])
    .execute()
  await db.schema
    .createTable('tasker_work_nodes')
    .addColumn('work', 'text', (column) => column.notNull())
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tasker_work_nodes_key', ['repo', 'node', 'work'])
    .execute()
}

async function createNodes(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_locks')
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('work', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tasker_locks_key', ['repo', 'node'])
    .execute()
  await db.schema
    .createTable('tasker_nodes')
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('goal', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('work', 'text', (column) => column.notNull())
    .addColumn('synced_commit', 'text')
    .addPrimaryKeyConstraint('tasker_nodes_key', ['repo', 'node'])
    .execute()
}

async function createRuns(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_runs')
    .addColumn('work', 'text', (column) => column.primaryKey())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('scripts', 'text', (column) => column.notNull())
    .addColumn('vars', 'text', (column) => column.notNull())
    .addColumn('event', 'text', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('tasker_run_steps')
    .addColumn('run', 'text', (column) => column.notNull())
    .addColumn('step', 'integer', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('exit', 'integer')
    .addColumn('error', 'text')
    .addColumn('stdout', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addPrimaryKeyConstraint('tasker_run_steps_key', ['run', 'step', 'node'])
    .execute()
}

async function createTriggers(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_triggers')
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('pattern', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tasker_triggers_key', ['repo', 'task', 'pattern'])
    .execute()
}

async function createPlans(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_plans')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('commit', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('nodes', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
}

async function createLooks(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_watches')
    .addColumn('repo', 'text', (column) => column.primaryKey())
    .addColumn('interval', 'integer', (column) => column.notNull())
    .addColumn('heal', 'integer', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('tasker_looks')
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('looked_at', 'bigint', (column) => column.notNull())
    .addColumn('drift', 'text')
    .addColumn('since', 'bigint')
    .addPrimaryKeyConstraint('tasker_looks_key', ['repo', 'node'])
    .execute()
}

async function createQueue(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_queue')
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('work', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('run_at', 'bigint', (column) => column.notNull())
    .addColumn('due', 'integer', (column) => column.notNull())
    .addColumn('size', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('tasker_queue_key', ['work', 'node'])
    .execute()
  const index = (name: string) => db.schema.createIndex(name).on('tasker_queue')
  await index('tasker_queue_place').columns(['due', 'place', 'seq']).execute()
  await index('tasker_queue_time').columns(['due', 'run_at']).execute()
  await db.schema
    .createIndex('tasker_works_task')
    .on('tasker_works')
    .columns(['repo', 'task', 'state', 'seq'])
    .execute()
  await db.schema.createIndex('tasker_work_nodes_work').on('tasker_work_nodes').column('work').execute()
}

/** Works that waited before there was a queue. The first turn finds out which are due. */
async function fillQueue(db: Kysely<Tables>): Promise<void> {
  await sql`
    insert into tasker_queue (place, repo, node, work, kind, seq, run_at, due, size)
    select nodes.repo || '/' || nodes.node, nodes.repo, nodes.node, works.id, works.kind, works.seq, works.run_at, 0,
      sizes.size
    from tasker_works as works
    join tasker_work_nodes as nodes on nodes.work = works.id
    join (select work, count(*) as size from tasker_work_nodes group by work) as sizes on sizes.work = works.id
    where works.state = 'waiting'
  `.execute(db)
}

const createLimits = (db: Kysely<Tables>): Promise<void> =>
  db.schema
    .createTable('tasker_limits')
    .addColumn('repo', 'text', (column) => column.primaryKey())
    .addColumn('runs_at_once', 'integer', (column) => column.notNull())
    .addColumn('node_works_at_once', 'integer', (column) => column.notNull())
    .execute()

async function createDeliveries(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('key', 'text')
    .addColumn('from_address', 'text', (column) => column.notNull())
    .addColumn('size', 'integer', (column) => column.notNull())
    .addColumn('run', 'text')
    .addColumn('of', 'text')
    .addColumn('by', 'text')
    .addColumn('request', 'text', (column) => column.notNull())
    .addColumn('body', 'text')
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('tasker_deliveries_at')
    .on('tasker_deliveries')
    .columns(['repo', 'at'])
    .execute()
  // The promise that one id starts one run. Rows without an id do not meet.
  await db.schema
    .createIndex('tasker_deliveries_key')
    .unique()
    .on('tasker_deliveries')
    .columns(['repo', 'path', 'key'])
    .execute()
}

async function createSchedules(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('tasker_schedules')
    .addColumn('repo', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('cron', 'text', (column) => column.notNull())
    .addColumn('timezone', 'text', (column) => column.notNull())
    .addColumn('missed', 'text', (column) => column.notNull())
    .addColumn('next_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('tasker_schedules_key', ['repo', 'task', 'cron', 'timezone'])
    .execute()
  await db.schema.createIndex('tasker_schedules_next').on('tasker_schedules').column('next_at').execute()
}
