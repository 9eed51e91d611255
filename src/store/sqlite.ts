import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type Dialect, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { OneWriterDriver } from './driver.ts'
import { type Durable, durableFile, type Sync, syncData } from './durable.ts'
import { asTransaction, insideTransaction, refuseInside } from './guard.ts'
import { Health, isFull } from './health.ts'
import type { Migration, Store, Tx } from './index.ts'
import { applyMigrations, type MigrationTables } from './migrate.ts'

/**
 * Opens or makes a database file that only its owner can read; `:memory:` for one that is gone at the end. `onBroken` hears
 * once that the disk did not keep what was written: nothing can be written from then on, and the process should end.
 */
export function openSqlite(path: string, sync: Sync = syncData, onBroken?: (error: Error) => void): Store {
  const health = new Health(onBroken)
  if (path === ':memory:') return new SqliteStore(openDatabase(path), health)
  makePrivate(path)
  // Of the write-ahead log: what is on the disk of it is what a power loss leaves (sqlite.org/wal.html). SQLite keeps this
  // file as long as it is open, and holds its locks on others.
  const durable = durableFile(`${path}-wal`, sync, (error) => health.break(error))
  return new SqliteStore(openFile(path), health, durable)
}

class SqliteStore implements Store {
  readonly db: Kysely<any>
  readonly #database: DatabaseSync
  readonly #durable: Durable | undefined
  readonly #driver: OneWriterDriver

  readonly #health: Health

  constructor(database: DatabaseSync, health: Health, durable?: Durable) {
    this.#database = database
    this.#durable = durable
    this.#health = health
    this.#driver = new OneWriterDriver(database, this, health, durable)
    this.db = new Kysely({ dialect: dialect(this.#driver) })
  }

  async transaction<T>(act: (tx: Tx) => Promise<T>): Promise<T> {
    refuseInside('A second transaction', this)
    const after: (() => void)[] = []
    const hooks = {
      afterCommit: (done: () => void) => void after.push(done),
      onceSeen: (done: () => void) => this.#driver.onceSeen(done),
    }
    const result = await this.db
      .transaction()
      .execute((db) => asTransaction(this, () => act({ db, ...hooks })))
    // Not here and now: a throw in one of them must not look like a transaction that failed.
    for (const done of after) queueMicrotask(done)
    return result
  }

  insideTransaction(): boolean {
    return insideTransaction(this)
  }

  migrate(migrations: readonly Migration[]): Promise<void> {
    return this.as<MigrationTables>().transaction((tx) => applyMigrations(tx.db, migrations))
  }

  trouble(): string | undefined {
    return this.#health.trouble()
  }

  as<Other>(): Store<Other> {
    return this as unknown as Store<Other>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy()
    // kysely closes only what it has used.
    if (this.#database.isOpen) this.#database.close()
    await this.#durable?.close()
  }
}

function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true })
  // NORMAL: SQLite itself does not sync at a commit. The driver does, off this thread, before it tells of one.
  database.exec('pragma journal_mode = wal; pragma synchronous = normal')
  return database
}

/**
 * A process that ended because a sync had failed may have left a log that is in memory only. Carried over into the
 * database and synced anew, what is read from here on is what is on the disk.
 */
function openFile(path: string): DatabaseSync {
  const database = openDatabase(path)
  // The driver makes the checkpoints: SQLite would keep their failures to itself.
  database.exec('pragma wal_autocheckpoint = 0')
  try {
    database.exec('pragma wal_checkpoint(truncate)')
  } catch (error) {
    if (isFull(error)) return database
    database.close()
    throw error
  }
  return database
}

/** The driver queues by itself, since kysely's own queue could not be guarded against a wait without end. */
class GuardedAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

const dialect = (driver: OneWriterDriver): Dialect => ({
  createAdapter: () => new GuardedAdapter(),
  createDriver: () => driver,
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
})
