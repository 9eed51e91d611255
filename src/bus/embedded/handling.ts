import type { EventPattern } from '#contracts'
import type { Tx } from '#store'
import { Problem } from '../../kit/problem.ts'
import type { BusEvent, Delivery } from '../index.ts'
import { unpackEvent } from '../payload.ts'
import { completeDeliveries, consumerEpoch, type Due } from './deliveries.ts'
import type { BusParts } from './parts.ts'
import type { BusTables } from './schema.ts'

export type EventHandler = (event: BusEvent, delivery: Delivery) => Promise<void>

interface Consumer {
  name: string
  epoch: number
  handler: EventHandler
  signal: AbortSignal
}

/** What one delivery of an event means: the handler's call, its effect, and the fence around both. */
export class Handling {
  readonly #parts: BusParts
  readonly #consumer: Consumer

  constructor(parts: BusParts, consumer: Consumer) {
    this.#parts = parts
    this.#consumer = consumer
  }

  /** Whether `once` has completed the delivery. */
  async handle(row: Due): Promise<boolean> {
    let done = false
    const delivery: Delivery = {
      id: row.event,
      attempt: this.#attempt(row),
      signal: this.#consumer.signal,
      once: async (effect) => {
        if (done) return false
        const ran = await this.#once(row, effect)
        done = true
        return ran
      },
    }
    try {
      await this.#consumer.handler(this.#event(row), delivery)
    } catch (error) {
      if (!done) throw error
      this.#parts.log.warn(
        { consumer: this.#consumer.name, event: row.event, err: error },
        'a handler failed after its effect',
      )
    }
    return done
  }

  #once(row: Due, effect: (tx: Tx) => Promise<void>): Promise<boolean> {
    return this.#parts.store.transaction(async (tx) => {
      await this.#checkFence(tx, row)
      const there = await completeDeliveries(tx.db, [row])
      if (!there.has(row.seq)) return false
      await effect(tx as Tx)
      return true
    })
  }

  /** Deliveries of one consumer whose handlers returned. */
  complete(rows: Due[]): Promise<void> {
    return this.#parts.store.transaction(async (tx) => {
      if (rows[0]) await this.#checkFence(tx, rows[0])
      await completeDeliveries(tx.db, rows)
    })
  }

  async #checkFence(tx: Tx<BusTables>, row: Due): Promise<void> {
    const epoch = await consumerEpoch(tx.db, this.#consumer.name)
    if (epoch !== this.#consumer.epoch)
      throw new Problem('fenced', { current: this.#attempt(row) + epoch - this.#consumer.epoch })
  }

  #attempt(row: Due): number {
    return row.failures + 1 + Math.max(0, this.#consumer.epoch - row.epoch)
  }

  #event(row: Due): BusEvent {
    const pattern = row.pattern as EventPattern
    return {
      id: row.event,
      source: row.source,
      type: pattern.replace('*', row.name),
      pattern,
      name: row.name,
      subject: row.subject,
      time: row.time,
      data: unpackEvent(pattern, row.data, row.version) as BusEvent['data'],
      traceparent: row.traceparent,
    }
  }
}
