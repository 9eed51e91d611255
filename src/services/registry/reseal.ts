import { type Seal, sealCheck } from '#kit/seal.ts'
import type { Store } from '#store'
import { renewPlatformKeys } from './platform-keys.ts'
import type { Tables } from './tables.ts'
import { createVault } from './vault.ts'

/**
 * Brings everything that the registry has sealed under the newest master key: all or nothing. Returns how many values
 * were not there yet.
 */
export function resealRegistry(any: Store, seal: Seal): Promise<number> {
  const store = any.as<Tables>()
  return store.transaction(async ({ db }) => {
    const values = (await createVault(seal).renew(db)) + (await renewPlatformKeys(db, seal))
    const row = await db.selectFrom('registry_seal').select('sealed').executeTakeFirst()
    const sealed = row && seal.renew(row.sealed, sealCheck)
    if (sealed !== undefined) await db.updateTable('registry_seal').set({ sealed }).execute()
    return values
  })
}
