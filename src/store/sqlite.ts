import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type Dialect, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { OneWriterDriver } from './driver.ts'
import { asTransaction, insideTransaction, refuseInside } from './guard.ts'
import type { Migration, Store, Tx } from './index.ts'
import { applyMigrations, type MigrationTables } from './migrate.ts'

/** Opens or makes a database file that only its owner can read; `:memory:` for one that is gone at the end. */
export function openSqlite(path: string): Store {
  if (path !== ':memory:') makePrivate(path)
  return new SqliteStore(openDatabase(path))
}

class SqliteStore implements Store {
  readonly db: Kysely<any>
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.db = new Kysely({ dialect: dialect(database, this) })
  }

  async transaction<T>(act: (tx: Tx) => Promise<T>): Promise<T> {
    refuseInside('A second transaction', this)
    const after: (() => void)[] = []
    const result = await this.db
      .transaction()
      .execute((db) => asTransaction(this, () => act({ db, afterCommit: (done) => void after.push(done) })))
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

  as<Other>(): Store<Other> {
    return this as unknown as Store<Other>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy()
    // kysely closes only what it has used.
    if (this.#database.isOpen) this.#database.close()
  }
}

function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true })
  // FULL: without it an acknowledged commit can be gone after a power loss.
  database.exec('pragma journal_mode = wal; pragma synchronous = full')
  return database
}

/** The driver queues by itself, since kysely's own queue could not be guarded against a wait without end. */
class GuardedAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

const dialect = (database: DatabaseSync, store: object): Dialect => ({
  createAdapter: () => new GuardedAdapter(),
  createDriver: () => new OneWriterDriver(database, store),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
})
