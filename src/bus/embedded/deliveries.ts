import type { Transaction } from 'kysely'
import type { BusParts } from './parts.ts'
import type { BusTables, DeliveryRow, EventRow } from './schema.ts'

type Db = Transaction<BusTables>

/** A delivery with its event, as a lane runs it. */
export interface Due extends Omit<EventRow, 'id'> {
  seq: number
  event: string
  epoch: number
  failures: number
  due: number
}

export type NewDelivery = Pick<DeliveryRow, 'consumer' | 'event' | 'subject' | 'epoch'>

/** SQLite takes at most 32,766 values in a statement. */
const CHUNK = 1_000

export async function insertEvents(db: Db, events: EventRow[], deliveries: NewDelivery[]): Promise<void> {
  for (let at = 0; at < events.length; at += CHUNK)
    await db
      .insertInto('bus_events')
      .values(events.slice(at, at + CHUNK))
      .execute()
  const rows = deliveries.map((delivery) => ({ ...delivery, failures: 0, due: 0, parked: 0, error: '' }))
  for (let at = 0; at < rows.length; at += CHUNK)
    await db
      .insertInto('bus_deliveries')
      .values(rows.slice(at, at + CHUNK))
      .execute()
}

/** Deliveries that are not parked, in order; of one subject when named. */
export function findDeliveries(
  { store }: BusParts,
  consumer: string,
  range: { after: number; subject?: string; limit: number },
): Promise<Due[]> {
  const query = store.db
    .selectFrom('bus_deliveries as d')
    .innerJoin('bus_events as e', 'e.id', 'd.event')
    .select(['d.seq', 'd.event', 'd.epoch', 'd.failures', 'd.due'])
    .select([
      'e.source',
      'e.pattern',
      'e.name',
      'e.subject',
      'e.time',
      'e.data',
      'e.traceparent',
      'e.version',
    ])
    .where('d.consumer', '=', consumer)
    .where('d.parked', '=', 0)
    .where('d.seq', '>', range.after)
    .orderBy('d.seq')
    .limit(range.limit)
  return (range.subject === undefined ? query : query.where('d.subject', '=', range.subject)).execute()
}

/** Removes deliveries, and the events that nobody awaits any more. Returns those that were still there. */
export async function completeDeliveries(
  db: Db,
  due: readonly Pick<Due, 'seq' | 'event'>[],
): Promise<Set<number>> {
  const gone = await db
    .deleteFrom('bus_deliveries')
    .where(
      'seq',
      'in',
      due.map((one) => one.seq),
    )
    .returning('seq')
    .execute()
  await db
    .deleteFrom('bus_events')
    .where(
      'id',
      'in',
      due.map((one) => one.event),
    )
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('bus_deliveries').select('seq').whereRef('event', '=', 'bus_events.id'))),
    )
    .execute()
  return new Set(gone.map((row) => row.seq))
}

export async function recordFailure(
  { store }: BusParts,
  seq: number,
  failure: Pick<DeliveryRow, 'failures' | 'due' | 'parked' | 'error'>,
): Promise<void> {
  await store.db.updateTable('bus_deliveries').set(failure).where('seq', '=', seq).execute()
}

export async function consumerEpoch(db: Db, name: string): Promise<number> {
  const row = await db.selectFrom('bus_consumers').select('epoch').where('name', '=', name).executeTakeFirst()
  return row?.epoch ?? 0
}

export async function saveConsumer(
  { store }: BusParts,
  consumer: { name: string; patterns: string; epoch: number },
): Promise<void> {
  const { name, ...rest } = consumer
  await store.db
    .insertInto('bus_consumers')
    .values(consumer)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(rest))
    .execute()
}
