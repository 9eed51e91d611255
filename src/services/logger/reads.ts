import type { Input, Output } from '#contracts'
import type { Store } from '#store'
import { findLines } from './query.ts'
import type { Tables } from './tables.ts'
import type { Traffic } from './traffic.ts'

/**
 * Queries of lines. Each takes one turn at the store, and those that ask for the same while it waits for its turn share
 * it: tails that are woken by the same lines cost one read, and none gets an answer older than its question.
 */
export class Reads {
  readonly #store: Store<Tables>
  readonly #traffic: Traffic
  readonly #waiting = new Map<string, Promise<Output<'logger.query'>>>()

  constructor(store: Store<Tables>, traffic: Traffic) {
    this.#store = store
    this.#traffic = traffic
  }

  find(query: Input<'logger.query'>): Promise<Output<'logger.query'>> {
    const key = JSON.stringify(query)
    const waiting = this.#waiting.get(key)
    if (waiting) return waiting
    const found = this.#traffic.pass(async () => {
      try {
        await this.#store.db.connection().execute(async () => void this.#waiting.delete(key))
        // A statement at a time: a filter that nothing fits reads all lines, and others use the store in between.
        return await findLines(this.#store.db, query)
      } catch (error) {
        // The turn may never have come.
        if (this.#waiting.get(key) === found) this.#waiting.delete(key)
        throw error
      }
    })
    this.#waiting.set(key, found)
    return found
  }
}
