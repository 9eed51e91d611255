import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { type DatabaseConnection, type SqliteDatabase, SqliteDriver, type SqliteStatement } from 'kysely'
import type { Durable } from './durable.ts'
import { refuseInside } from './guard.ts'
import { type Health, isFull } from './health.ts'

/** Statements kept prepared; the store's queries are few, but `in (…)` lists have many lengths. */
const KEPT = 500

interface Hooks {
  /** Is told of each statement that may change something, before it runs. */
  writes(): void
  failed(error: unknown): void
}

/** node:sqlite in the shape that kysely knows. */
export function adaptSqlite(database: DatabaseSync, hooks: Hooks): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = kept.get(sql)
      if (known) return known
      const statement = adaptStatement(
        database.prepare(sql),
        () => database.prepare(sql),
        /^\s*select\b/i.test(sql) ? { ...hooks, writes: () => {} } : hooks,
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
  { writes, failed }: Hooks,
): SqliteStatement {
  const reader = statement.columns().length > 0
  // The row ids that a full-text index writes inside are beyond what a number holds.
  if (!reader) statement.setReadBigInts(true)
  const judged = <T>(act: () => T): T => {
    writes()
    try {
      return act()
    } catch (error) {
      failed(error)
      throw error
    }
  }
  return {
    reader,
    all: (values) => judged(() => statement.all(...(values as SQLInputValue[])).map(plain)),
    run: (values) => judged(() => statement.run(...(values as SQLInputValue[]))),
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
  readonly #health: Health
  readonly #checkpoints: Checkpoints
  /** Of the one transaction that is open. */
  readonly #onceSeen: (() => void)[] = []
  #held = false
  #wrote = false
  #mark = 0

  constructor(database: DatabaseSync, store: object, health: Health, durable?: Durable) {
    super({
      database: adaptSqlite(database, {
        writes: () => {
          health.refuseBroken()
          this.#wrote = true
        },
        failed: (error) => health.failed(error),
      }),
    })
    this.#health = health
    this.#checkpoints = new Checkpoints(database, health)
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
    this.#mark = this.#health.mark()
    return super.acquireConnection()
  }

  override async releaseConnection(): Promise<void> {
    const wrote = this.#wrote
    const mark = this.#mark
    this.#wrote = false
    if (wrote && this.#durable) this.#checkpoints.afterWrite()
    const next = this.#waiting.shift()
    if (next) next()
    else this.#held = false
    if (!wrote) return
    await this.#durable?.reached()
    this.#health.wrote(mark)
  }

  override async beginTransaction(): Promise<void> {
    this.#health.refuseBroken()
    this.#act('begin immediate')
  }

  override async commitTransaction(): Promise<void> {
    this.#act('commit')
    for (const act of this.#onceSeen.splice(0)) queueMicrotask(act)
  }

  override async rollbackTransaction(): Promise<void> {
    this.#onceSeen.length = 0
    // A full disk or an I/O error has rolled back already.
    if (this.#database.isTransaction) this.#act('rollback')
  }

  #act(text: string): void {
    try {
      this.#database.exec(text)
    } catch (error) {
      this.#health.failed(error)
      throw error
    }
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

/** Commits and changed rows between two checkpoints: each may write a page or some. */
const COMMITS = 250
const ROWS = 2_000

/**
 * Carries the log over into the database file, as SQLite does by itself every thousand pages. But SQLite tells nobody when
 * that fails: a sync that failed would be tried again, succeed, and what it lost would be lost unseen.
 */
class Checkpoints {
  readonly #database: DatabaseSync
  readonly #health: Health
  readonly #changed: StatementSync
  #commits = 0
  #rows = 0

  constructor(database: DatabaseSync, health: Health) {
    this.#database = database
    this.#health = health
    this.#changed = database.prepare('select total_changes() as total')
  }

  afterWrite(): void {
    // Closed under the hands of a writer, as when a process dies.
    if (!this.#database.isOpen) return
    this.#commits++
    const rows = Number(this.#changed.get()?.total)
    if (this.#commits < COMMITS && rows - this.#rows < ROWS) return
    this.#commits = 0
    this.#rows = rows
    try {
      this.#database.exec('pragma wal_checkpoint(passive)')
    } catch (error) {
      // Without room the log goes on growing, or refuses; the next checkpoint is another try.
      if (!isFull(error)) this.#health.failed(error)
    }
  }
}
