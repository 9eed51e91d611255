import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { findKeys, type Keys } from '#kit/master-key.ts'
import { createSeal, sealCheck } from '#kit/seal.ts'
import { bytes } from '../../src/cli/text.ts'
import { allMigrations } from '../migrations.ts'
import { bad, type Check, good, look, warning } from './check.ts'

const RESTORE =
  'Stop the platform, keep a copy of the folder, and bring a backup back; `sqlite3 devops.sqlite .recover` saves what can still be read.'

/** The store is read and nothing is written, also while a platform runs on it. */
export async function checkStore(data: string, runs: boolean, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const path = join(data, 'devops.sqlite')
  const size = sizeOf(path)
  if (size === undefined)
    return [bad('store', `${path} is not there`, 'Start `devops server` once, or bring a backup back.')]
  let database: DatabaseSync | undefined
  try {
    database = open(path, runs)
    const faults = database.prepare('pragma integrity_check(10)').all() as { integrity_check: string }[]
    const first = faults[0]?.integrity_check
    if (first !== 'ok') return [bad('store', `${path} is damaged: ${first ?? 'it gave no answer'}`, RESTORE)]
    const store = database
    return [
      good('store', `whole (${bytes(size + (sizeOf(`${path}-wal`) ?? 0))})`),
      ...(await look('migrations', () => [checkMigrations(store, runs)])),
      ...(await look('master key', () => [checkKey(store, data, runs, env)])),
      ...(await look('clock', () => [checkTime(store)])),
    ]
  } catch (error) {
    return [bad('store', `${path} cannot be read: ${(error as Error).message}`, RESTORE)]
  } finally {
    database?.close()
  }
}

/** With nothing in the log, and nobody who writes, SQLite needs no file beside it: then it leaves none. */
function open(path: string, runs: boolean): DatabaseSync {
  const still = !runs && (sizeOf(`${path}-wal`) ?? 0) === 0
  const url = pathToFileURL(path)
  if (still) url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true, timeout: 5000 })
}

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size

function checkMigrations(store: DatabaseSync, runs: boolean): Check {
  const rows = store.prepare('select id, service from store_migrations order by position').all() as {
    id: string
    service: string
  }[]
  const mine = allMigrations.map(({ id }) => id)
  const newer = rows.filter(({ id }) => !mine.includes(id)).map(({ id }) => id)
  if (newer.length > 0)
    return bad(
      'migrations',
      `the store is newer than this program: it has ${newer.join(', ')}`,
      'Run the newer program.',
    )
  const missing = mine.filter((id) => !rows.some((row) => row.id === id))
  if (missing.length === 0) return good('migrations', `all ${mine.length} are applied`)
  const says = `${missing.length} of ${mine.length} are not applied: ${missing.join(', ')}`
  return runs
    ? warning(
        'migrations',
        `${says}; the platform that runs is older than this program`,
        'Restart it with this program.',
      )
    : good('migrations', `${says}; the next start applies them`)
}

function checkKey(store: DatabaseSync, data: string, runs: boolean, env: NodeJS.ProcessEnv): Check {
  const file = join(data, 'master.key')
  const row = store.prepare('select sealed from registry_seal').get() as { sealed: string } | undefined
  let keys: Keys | undefined
  try {
    keys = findKeys(file, env)
    if (row && keys) createSeal(keys).open(row.sealed, sealCheck)
  } catch (error) {
    return bad(
      'master key',
      (error as Error).message,
      'Bring the right key back from your backup; see "The master key" in docs/operations.md.',
    )
  }
  if (!row) return good('master key', 'nothing is sealed yet')
  if (!keys && runs)
    return warning(
      'master key',
      'the platform that runs has it from its environment; it cannot be tried here',
      'Set DEVOPS_MASTER_KEY for this command as well.',
    )
  if (!keys)
    return bad(
      'master key',
      `${file} is gone, and the store was sealed with it`,
      'Bring it back from your backup, or set DEVOPS_MASTER_KEY.',
    )
  return good('master key', 'opens what the store has sealed')
}

/** Milliseconds that a clock may be behind what was recorded. */
const BEHIND = 60_000

function checkTime(store: DatabaseSync): Check {
  const { newest } = store
    .prepare(
      'select max(time) as newest from (select max(time) as time from (select time from bus_events order by rowid desc limit 1000) union all select max(at) from (select at from profiles_audit order by seq desc limit 1000))',
    )
    .get() as { newest: number | null }
  const now = Date.now()
  const shown = new Date(now).toISOString()
  if (newest === null || newest <= now + BEHIND) return good('time', `${shown}, not before what is recorded`)
  return bad(
    'time',
    `${shown} is before what is recorded at ${new Date(newest).toISOString()}`,
    'Set the clock of this machine; `timedatectl set-ntp true` keeps it right.',
  )
}
