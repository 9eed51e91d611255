import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { type DatabaseConnection, type SqliteDatabase, SqliteDriver, type SqliteStatement } from 'kysely'
import type { Durable } from './durable.ts'
import { refuseInside } from './guard.ts'

/** Statements kept prepared; the store's queries are few, but `in (…)` lists have many lengths. */
const KEPT = 500

/** node:sqlite in the shape that kysely knows; `wrote` is told of each statement that may change something. */
export function adaptSqlite(database: DatabaseSync, wrote: () => void): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = kept.get(sql)
      if (known) return known
      const statement = adaptStatement(
        database.prepare(sql),
        () => database.prepare(sql),
        /^\s*select\b/i.test(sql) ? () => {} : wrote,
      )
      if (kept.size >= KEPT) kept.delete(kept.keys().next().value ?? '')
      kept.set(sql, statement)
      return statement
    },
  }
}

function adaptStatement(
  statement: StatementSync,
  fresh: () => StatementSync,
  wrote: () => void,
): SqliteStatement {
  const reader = statement.columns().length > 0
  // The row ids that a full-text index writes inside are beyond what a number holds.
  if (!reader) statement.setReadBigInts(true)
  return {
    reader,
    all(values) {
      wrote()
      return statement.all(...(values as SQLInputValue[])).map(plain)
    },
    run(values) {
      wrote()
      return statement.run(...(values as SQLInputValue[]))
    },
    // A kept statement that is read step by step would be reset by its next use.
    iterate: (values) => fresh().iterate(...(values as SQLInputValue[])) as IterableIterator<unknown>,
  }
}

/** Rows come without a prototype, which `deepEqual` tells from the objects that everyone writes. */
const plain = (row: object): object => ({ ...row })

/**
 * One connection, one holder at a time; a transaction takes the write lock at once instead of failing half-way. Who has
 * written is told when it is on the disk, while others go on: many commits share one sync, and none holds up the process.
 * What commits later is later in the log too, so whoever has built on a commit that is not there yet is told after it.
 */
export class OneWriterDriver extends SqliteDriver {
  readonly #store: object
  readonly #database: DatabaseSync
  readonly #waiting: (() => void)[] = []
  readonly #turn = new Turn()
  readonly #durable: Durable | undefined
  /** Of the one transaction that is open. */
  readonly #onceSeen: (() => void)[] = []
  #held = false
  #wrote = false

  constructor(database: DatabaseSync, store: object, durable?: Durable) {
    super({
      database: adaptSqlite(database, () => {
        this.#wrote = true
      }),
    })
    this.#database = database
    this.#store = store
    this.#durable = durable
  }

  onceSeen(act: () => void): void {
    this.#onceSeen.push(act)
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    refuseInside('A query on `store.db` or a second transaction', this.#store)
    await this.#turn.over()
    if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#held = true
    return super.acquireConnection()
  }

  override async releaseConnection(): Promise<void> {
    const wrote = this.#wrote
    this.#wrote = false
    const next = this.#waiting.shift()
    if (next) next()
    else this.#held = false
    if (wrote) await this.#durable?.reached()
  }

  override async beginTransaction(): Promise<void> {
    this.#database.exec('begin immediate')
  }

  override async commitTransaction(): Promise<void> {
    this.#database.exec('commit')
    for (const act of this.#onceSeen.splice(0)) queueMicrotask(act)
  }

  override async rollbackTransaction(): Promise<void> {
    this.#onceSeen.length = 0
    // A full disk or an I/O error has rolled back already.
    if (this.#database.isTransaction) this.#database.exec('rollback')
  }
}

/** Milliseconds that queries may follow one another before the event loop gets its turn. */
const TURN = 10

/** Queries end within microtasks: without a pause, a busy database would keep timers and sockets waiting for ever. */
class Turn {
  #start = 0
  #next: Promise<void> | undefined

  /** Resolves at once, or in the next turn of the event loop when this one has lasted long enough. */
  over(): Promise<void> | undefined {
    const now = performance.now()
    if (!this.#next) {
      this.#start = now
      this.#next = new Promise((resolve) =>
        setImmediate(() => {
          this.#next = undefined
          resolve()
        }),
      )
    }
    return now - this.#start > TURN ? this.#next : undefined
  }
}
