import { type EventPattern, events } from '#contracts'
import { versionOf } from '#contracts/former.ts'
import { namePattern } from '#contracts/ids.ts'
import type { Tx } from '#store'
import { newId } from '../../kit/ids.ts'
import { Problem } from '../../kit/problem.ts'
import type { BusEvent, Delivery, NewEvent, Undo } from '../index.ts'
import { packEvent } from '../payload.ts'
import { traceparent } from '../trace.ts'
import { type Batch, batched } from './batch.ts'
import { type Due, insertEvents, type NewDelivery, saveConsumer } from './deliveries.ts'
import type { Handled } from './handled.ts'
import type { EventHandler } from './handling.ts'
import { type BusParts, refuseInside } from './parts.ts'
import type { BusTables, EventRow } from './schema.ts'
import { Subscription } from './subscription.ts'

interface Consumer {
  name: string
  patterns: Set<EventPattern>
  epoch: number
  subscription: Subscription | undefined
}

interface Publication {
  row: EventRow
  /** The id was chosen by the publisher: a repetition must be found. */
  chosen: boolean
}

/** Facts: each publication is written once, with a delivery for every consumer that ever subscribed to its pattern. */
export class Events {
  readonly #parts: BusParts
  readonly #handled: Handled
  readonly #outside: <T>(act: () => T) => T
  readonly #consumers = new Map<string, Consumer>()
  readonly #publishing: Batch<Publication>

  constructor(parts: BusParts, handled: Handled, outside: <T>(act: () => T) => T) {
    this.#parts = parts
    this.#handled = handled
    this.#outside = outside
    this.#publishing = batched((items) => parts.store.transaction((tx) => this.#insert(tx, items)))
  }

  /** Consumers of former processes go on receiving. */
  async load(): Promise<void> {
    const rows = await this.#parts.store.db.selectFrom('bus_consumers').selectAll().execute()
    for (const { name, patterns, epoch } of rows)
      this.#consumers.set(name, {
        name,
        patterns: new Set(JSON.parse(patterns)),
        epoch,
        subscription: undefined,
      })
  }

  async publish<P extends EventPattern>(pattern: P, event: NewEvent<P>, tx?: Tx): Promise<string> {
    if (!tx) refuseInside(this.#parts.store, `bus.publish('${pattern}') without its tx`)
    const row = this.#row(pattern, event)
    const item = { row, chosen: event.id !== undefined }
    if (tx) await this.#insert(tx as unknown as Tx<BusTables>, [item])
    else await this.#publishing.add(item)
    return row.id
  }

  on<P extends EventPattern>(
    name: string,
    patterns: readonly P[],
    handler: (event: BusEvent<P>, delivery: Delivery) => Promise<void>,
  ): Undo {
    for (const pattern of patterns)
      if (!(pattern in events)) throw new Error(`${pattern} is not in the contracts`)
    const known = this.#consumers.get(name)
    if (known?.subscription) throw new Error(`the consumer ${name} is attached already in this process`)
    const epoch = (known?.epoch ?? 0) + 1
    const subscription = new Subscription(this.#parts, name, epoch, handler as unknown as EventHandler)
    const consumer: Consumer = { name, patterns: new Set<EventPattern>(patterns), epoch, subscription }
    this.#consumers.set(name, consumer)
    const attached = this.#outside(() => this.#attach(consumer))
    return async () => {
      if (consumer.subscription !== subscription) return
      consumer.subscription = undefined
      const stopped = subscription.stop()
      await attached
      await stopped
    }
  }

  async stop(): Promise<void> {
    const subscriptions = [...this.#consumers.values()].flatMap((consumer) => consumer.subscription ?? [])
    await Promise.all(subscriptions.map((subscription) => subscription.stop()))
    await this.#publishing.idle()
  }

  revive(consumer: string, row: Due): void {
    this.#consumers.get(consumer)?.subscription?.revive(row)
  }

  /** Consumers that wait for the store. */
  troubles(): string[] {
    return [...this.#consumers.values()].flatMap(({ subscription }) => subscription?.trouble() ?? [])
  }

  async #attach({ name, patterns, epoch, subscription }: Consumer): Promise<void> {
    const row = { name, patterns: JSON.stringify([...patterns]), epoch }
    await subscription?.attach(() => saveConsumer(this.#parts, row))
  }

  #row<P extends EventPattern>(pattern: P, event: NewEvent<P>): EventRow {
    const data = packEvent(pattern, event.data)
    const name = event.name ?? ''
    if (pattern.includes('*') ? !namePattern.test(name) : name !== '')
      throw new Problem('invalid', {
        reason: pattern.includes('*')
          ? `${pattern} needs a name for its *, got ${name || 'none'}`
          : `${pattern} takes no name`,
        path: 'name',
      })
    const time = this.#parts.clock.now()
    return {
      id: event.id ?? newId(time),
      source: this.#parts.source,
      pattern,
      name,
      subject: event.subject,
      time,
      data,
      version: versionOf(pattern),
      traceparent: event.traceparent ?? traceparent(),
    }
  }

  async #insert(tx: Tx<BusTables>, items: Publication[]): Promise<void> {
    const rows: EventRow[] = []
    const deliveries: NewDelivery[] = []
    const woken = new Set<Consumer>()
    for (const { row, chosen } of items) {
      if (chosen && !(await this.#handled.claim(tx, 'event', row.id))) continue
      const interested = this.#interested(row.pattern as EventPattern)
      if (interested.length > 0) rows.push(row)
      for (const consumer of interested) {
        deliveries.push(newDelivery(consumer, row))
        woken.add(consumer)
      }
    }
    await insertEvents(tx.db, rows, deliveries)
    tx.afterCommit(() => {
      for (const consumer of woken) this.#outside(() => consumer.subscription?.wake())
    })
  }

  #interested(pattern: EventPattern): Consumer[] {
    return [...this.#consumers.values()].filter((consumer) => consumer.patterns.has(pattern))
  }
}

/** For a consumer that is away, the first attempt is its next process's. */
const newDelivery = ({ name, epoch, subscription }: Consumer, row: EventRow): NewDelivery => ({
  consumer: name,
  event: row.id,
  subject: row.subject,
  epoch: subscription ? epoch : epoch + 1,
})
