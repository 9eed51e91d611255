import type { Migration, Store, Tx } from '#store'

/** A table of effects, for tests that count them. */
export const effects: Migration = {
  id: 'test/0001-effects',
  async up(db) {
    await db.schema
      .createTable('test_effects')
      .addColumn('seq', 'integer', (column) => column.primaryKey())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .execute()
  },
}

interface Tables {
  test_effects: { seq: number; id: string; attempt: number }
}

export async function record(tx: Tx, id: string, attempt: number): Promise<void> {
  const { db } = tx as unknown as Tx<Tables>
  const last = await db
    .selectFrom('test_effects')
    .select((all) => all.fn.max('seq').as('seq'))
    .executeTakeFirst()
  await db
    .insertInto('test_effects')
    .values({ seq: (last?.seq ?? 0) + 1, id, attempt })
    .execute()
}

export const effectsOf = (store: Store) =>
  store.as<Tables>().db.selectFrom('test_effects').select(['id', 'attempt']).orderBy('seq').execute()
