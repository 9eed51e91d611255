import { type Generated, sql } from 'kysely'
import type { Migration } from '#store'

export interface EventRow {
  id: string
  source: string
  pattern: string
  name: string
  subject: string
  time: number
  data: string
  traceparent: string
  /** Of the payload; `#contracts/former.ts` reads former ones. */
  version: number
}

export interface ConsumerRow {
  name: string
  /** JSON array of patterns. */
  patterns: string
  /** Grows each time that a process attaches: the fence of its deliveries. */
  epoch: number
}

export interface DeliveryRow {
  seq: Generated<number>
  consumer: string
  event: string
  subject: string
  /** The consumer's epoch for which the first attempt was meant. */
  epoch: number
  failures: number
  due: number
  parked: number
  error: string
}

export interface JobRow {
  seq: Generated<number>
  queue: string
  id: string
  payload: string
  traceparent: string
  state: 'ready' | 'leased' | 'parked'
  /** When it may start, or when its lease ends. */
  due: number
  /** Milliseconds that a ready job waits for at most, from when `due` was set. */
  wait: number
  attempt: number
  failures: number
  error: string
  /** Of the payload. */
  version: number
}

/** Ids that publishers and senders chose, kept for a while so that a repetition is known. */
export interface HandledRow {
  scope: string
  id: string
  at: number
}

export interface BusTables {
  bus_events: EventRow
  bus_consumers: ConsumerRow
  bus_deliveries: DeliveryRow
  bus_jobs: JobRow
  bus_handled: HandledRow
}

export const migrations: readonly Migration[] = [
  {
    id: 'bus/0001-events',
    async up(db) {
      await db.schema
        .createTable('bus_events')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('pattern', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('time', 'bigint', (column) => column.notNull())
        .addColumn('data', 'text', (column) => column.notNull())
        .addColumn('traceparent', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('bus_consumers')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('patterns', 'text', (column) => column.notNull())
        .addColumn('epoch', 'integer', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('bus_deliveries')
        .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('consumer', 'text', (column) => column.notNull())
        .addColumn('event', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('epoch', 'integer', (column) => column.notNull())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('due', 'bigint', (column) => column.notNull())
        .addColumn('parked', 'integer', (column) => column.notNull())
        .addColumn('error', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createIndex('bus_deliveries_order')
        .on('bus_deliveries')
        .columns(['consumer', 'subject', 'seq'])
        .execute()
      await db.schema
        .createIndex('bus_deliveries_next')
        .on('bus_deliveries')
        .columns(['consumer', 'parked', 'seq'])
        .execute()
      await db.schema.createIndex('bus_deliveries_event').on('bus_deliveries').column('event').execute()
    },
  },
  {
    id: 'bus/0002-jobs',
    async up(db) {
      await db.schema
        .createTable('bus_jobs')
        .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('queue', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('payload', 'text', (column) => column.notNull())
        .addColumn('traceparent', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('due', 'bigint', (column) => column.notNull())
        .addColumn('attempt', 'integer', (column) => column.notNull())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('error', 'text', (column) => column.notNull())
        .addUniqueConstraint('bus_jobs_id', ['queue', 'id'])
        .execute()
      await db.schema.createIndex('bus_jobs_due').on('bus_jobs').columns(['queue', 'due', 'seq']).execute()
      await db.schema
        .createTable('bus_handled')
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('bus_handled_id', ['scope', 'id'])
        .execute()
      await db.schema.createIndex('bus_handled_at').on('bus_handled').column('at').execute()
    },
  },
  {
    id: 'bus/0003-wait',
    async up(db) {
      await db.schema
        .alterTable('bus_jobs')
        .addColumn('wait', 'bigint', (column) => column.notNull().defaultTo(300_000))
        .execute()
    },
  },
  {
    id: 'bus/0004-versions',
    async up(db) {
      for (const table of ['bus_events', 'bus_jobs'])
        await db.schema
          .alterTable(table)
          .addColumn('version', 'integer', (column) => column.notNull().defaultTo(0))
          .execute()
    },
  },
  {
    id: 'bus/0005-parked',
    async up(db) {
      // Of the few rows that are parked: looked at every minute, while all others pass by.
      await sql`create index bus_jobs_parked on bus_jobs (seq) where state = 'parked'`.execute(db)
      await sql`create index bus_deliveries_parked on bus_deliveries (seq) where parked = 1`.execute(db)
    },
  },
]
