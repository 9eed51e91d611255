import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import { makeKey, nextFile } from '#kit/master-key.ts'
import { Problem } from '#kit/problem.ts'
import { openSeal, type Seal } from '#kit/seal.ts'
import { resealRegistry } from '#services/registry/reseal.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { openDataFolder } from './data-folder.ts'
import { holdFolder } from './hold.ts'

/** How many values are under the new master key now, and where that is; null: in the environment. */
export interface Rekeyed {
  renewed: number
  file: string | null
}

/**
 * Gives a platform that does not run another master key and wraps the data key of every value anew; the values
 * themselves are not touched. Killed at any point, all still opens, and to run it again finishes it: the new key lies
 * beside the former until nothing needs that any more.
 */
export async function rekey(data: string, env: NodeJS.ProcessEnv = process.env): Promise<Rekeyed> {
  const file = join(data, 'master.key')
  const given = env.DEVOPS_MASTER_KEY !== undefined
  refuseUnready(data, file, env)
  using _hold = holdFolder(data, 'devops server rekey')
  await using store = openSqlite(join(data, 'devops.sqlite'))
  await holdAlone(store, data)
  if (!given && !existsSync(nextFile(file))) makeKey(nextFile(file))
  const seal = openSeal(file, env)
  const renewed = (await resealRegistry(store, seal)) + (await resealColumns(store, seal))
  // Free pages still hold what was wrapped by the former key.
  await sql`vacuum`.execute(store.db)
  await sql`pragma wal_checkpoint(truncate)`.execute(store.db)
  if (given) return { renewed, file: null }
  renameSync(nextFile(file), file)
  sync(dirname(file))
  return { renewed, file }
}

function refuseUnready(data: string, file: string, env: NodeJS.ProcessEnv): void {
  const refuse = (reason: string) => new Problem('conflict', { reason })
  if (!existsSync(join(data, 'devops.sqlite')))
    throw refuse(`${data} holds no platform: name its folder with --data`)
  // What lies open to others may have been read already: as at the start of the platform.
  openDataFolder(data)
  if (env.DEVOPS_MASTER_KEY !== undefined && env.DEVOPS_MASTER_KEY_OLD === undefined)
    throw refuse(
      'the key comes from DEVOPS_MASTER_KEY: give the new one there, and the present one in DEVOPS_MASTER_KEY_OLD',
    )
  if (env.DEVOPS_MASTER_KEY === undefined && !existsSync(file) && !existsSync(nextFile(file)))
    throw refuse(`there is no master key ${file}`)
}

/** A platform of a version before the lock of the folder would go on to seal with the former key. */
async function holdAlone(store: Store, data: string): Promise<void> {
  try {
    await sql`pragma locking_mode = exclusive`.execute(store.db)
    await store.transaction(async () => {})
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode !== SQLITE_BUSY) throw cause
    const reason = `a platform runs on ${data}: stop it, run this, and start it again`
    throw new Problem('conflict', { reason }, { cause })
  }
}

const SQLITE_BUSY = 5

/** Sealed texts stand in columns named `sealed`, of whatever service. */
function resealColumns(store: Store, seal: Seal): Promise<number> {
  return store.transaction(async ({ db }) => {
    let count = 0
    for (const { name, columns } of await db.introspection.getTables()) {
      if (!columns.some((column) => column.name === 'sealed')) continue
      const rows = await db.selectFrom(name).select('sealed').where('sealed', 'is not', null).execute()
      for (const { sealed } of rows) {
        const renewed = seal.renew(sealed, `a row of ${name}`)
        if (renewed === undefined) continue
        await db.updateTable(name).set({ sealed: renewed }).where('sealed', '=', sealed).execute()
        count++
      }
    }
    return count
  })
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}
