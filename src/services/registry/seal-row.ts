import type { Store } from '#store'
import type { Tables } from './tables.ts'

/** The text by which this store knows its master key. */
export const sealRow = (store: Store<Tables>) => ({
  async find(): Promise<string | undefined> {
    const row = await store.db.selectFrom('registry_seal').select('sealed').executeTakeFirst()
    return row?.sealed
  },
  save: (sealed: string) =>
    store.transaction((tx) => tx.db.insertInto('registry_seal').values({ id: 1, sealed }).execute()),
})
