import type { Kysely, Transaction } from 'kysely'

/** A numbered, append-only step of a schema. `id` is `service/0001-what`; once released it never changes. */
export interface Migration {
  id: string
  up(db: Kysely<any>): Promise<void>
}

/**
 * SQL, behind one query builder. Tables of a service begin with its name: `tasker_runs`.
 * Only bindable values go in: strings, finite numbers, null, Uint8Array. Booleans are 0 and 1, JSON is text.
 */
export interface Store<DB = any> {
  readonly db: Kysely<DB>
  /**
   * One transaction, durable when the promise resolves. Inside it, use `tx.db` only: a query on `store.db`, another
   * transaction or a `bus.ask` from within would wait for itself, so it throws instead.
   */
  transaction<T>(act: (tx: Tx<DB>) => Promise<T>): Promise<T>
  /** Whether this code runs inside an open transaction of this store. */
  insideTransaction(): boolean
  /** Why nothing can be written at present, as far as is known from the last write. */
  trouble(): string | undefined
  migrate(migrations: readonly Migration[]): Promise<void>
  /** The same store with the types of one service's tables. */
  as<Other>(): Store<Other>
  [Symbol.asyncDispose](): Promise<void>
}

export interface Tx<DB = any> {
  readonly db: Transaction<DB>
  /** Runs when the commit is durable, never after a rollback. */
  afterCommit(act: () => void): void
  /**
   * Runs as soon as others see the commit, which may be a moment before it is durable: for waking who will himself write
   * here and wait for that, since what is written later is durable later.
   */
  onceSeen(act: () => void): void
}
