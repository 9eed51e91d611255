import type { Tx } from '#store'
import type { Clock } from '../../kit/clock.ts'
import type { BusTables } from './schema.ts'

const KEPT = 7 * 24 * 3_600_000
const SWEEP = 3_600_000

/** Remembers chosen ids for seven days; sweeps older ones when it writes, at most once an hour. */
export class Handled {
  readonly #clock: Clock
  #swept = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the id is new in its scope; it is not from now on. */
  async claim(tx: Tx<BusTables>, scope: string, id: string): Promise<boolean> {
    await this.#sweep(tx)
    const row = await tx.db
      .insertInto('bus_handled')
      .values({ scope, id, at: this.#clock.steady() })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst()
    return row !== undefined
  }

  async #sweep(tx: Tx<BusTables>): Promise<void> {
    const now = this.#clock.steady()
    if (now - this.#swept < SWEEP) return
    this.#swept = now
    await tx.db
      .deleteFrom('bus_handled')
      .where('at', '<', now - KEPT)
      .execute()
  }
}
