import type { Kysely } from 'kysely'
import type { Migration } from './index.ts'

export interface MigrationTables {
  store_migrations: { id: string; service: string; position: number }
}

/** Brings one or more services' tables up to date, in the transaction of `db`: all steps or none. */
export async function applyMigrations(
  db: Kysely<MigrationTables>,
  migrations: readonly Migration[],
): Promise<void> {
  await db.schema
    .createTable('store_migrations')
    .ifNotExists()
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .execute()
  for (const [service, steps] of byService(migrations)) {
    const applied = await appliedSteps(db, service)
    refuseChange(service, applied, steps)
    for (const [index, step] of steps.entries()) {
      if (index < applied.length) continue
      await step.up(db)
      await db.insertInto('store_migrations').values({ id: step.id, service, position: index }).execute()
    }
  }
}

function byService(migrations: readonly Migration[]): Map<string, Migration[]> {
  const services = new Map<string, Migration[]>()
  for (const migration of migrations) {
    const [, service] = /^([a-z_]+)\/\d{4}-\S+$/.exec(migration.id) ?? []
    if (!service) throw new Error(`migration ${migration.id}: must be named service/0001-what`)
    const steps = services.get(service) ?? []
    if (steps.some((step) => step.id >= migration.id))
      throw new Error(`migration ${migration.id}: must come before ${steps.at(-1)?.id}, numbers only grow`)
    services.set(service, [...steps, migration])
  }
  return services
}

async function appliedSteps(db: Kysely<MigrationTables>, service: string): Promise<string[]> {
  const rows = await db
    .selectFrom('store_migrations')
    .select('id')
    .where('service', '=', service)
    .orderBy('position')
    .execute()
  return rows.map((row) => row.id)
}

function refuseChange(service: string, applied: string[], steps: Migration[]): void {
  for (const [index, id] of applied.entries()) {
    const step = steps[index]
    if (!step)
      throw new Error(
        `${service}: the database is newer than this program (it has ${id}): start the newer program`,
      )
    if (step.id !== id)
      throw new Error(
        `${service}: the database has ${id} where this program has ${step.id}: migrations are append-only`,
      )
  }
}
