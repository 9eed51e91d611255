import { sql } from 'kysely'
import { Problem } from '../../kit/problem.ts'
import type { Parked } from '../index.ts'
import { completeDeliveries, type Due, findDeliveries } from './deliveries.ts'
import type { BusParts } from './parts.ts'

export async function listParked({ store }: BusParts): Promise<Parked[]> {
  const jobs = await store.db
    .selectFrom('bus_jobs')
    .select(['seq', 'id', 'queue', 'error', 'failures'])
    .where(sql<boolean>`state = 'parked'`)
    .orderBy('seq')
    .execute()
  const deliveries = await store.db
    .selectFrom('bus_deliveries')
    .select(['seq', 'event', 'consumer', 'error', 'failures'])
    .where(sql<boolean>`parked = 1`)
    .orderBy('seq')
    .execute()
  return [
    ...jobs.map((row) => ({
      id: `job-${row.seq}`,
      kind: 'job' as const,
      where: row.queue,
      of: row.id,
      error: row.error,
      attempts: row.failures,
    })),
    ...deliveries.map((row) => ({
      id: `delivery-${row.seq}`,
      kind: 'delivery' as const,
      where: row.consumer,
      of: row.event,
      error: row.error,
      attempts: row.failures,
    })),
  ]
}

export type Revived = { kind: 'job'; queue: string } | { kind: 'delivery'; consumer: string; row: Due }

/** Makes it ready at once, with no failures. Throws `not_found` for what is not parked. */
export async function reviveParked(parts: BusParts, id: string): Promise<Revived> {
  const { kind, seq } = partsOf(id)
  const revived = kind === 'job' ? await reviveJob(parts, seq) : kind && (await reviveDelivery(parts, seq))
  if (!revived) throw missing(id)
  return revived
}

/** Throws `not_found` for what is not parked. */
export async function discardParked({ store }: BusParts, id: string): Promise<void> {
  const { kind, seq } = partsOf(id)
  const found = await store.transaction(async ({ db }) => {
    if (kind === 'job')
      return db
        .deleteFrom('bus_jobs')
        .where('seq', '=', seq)
        .where('state', '=', 'parked')
        .returning('seq')
        .executeTakeFirst()
    const row = await db
      .selectFrom('bus_deliveries')
      .select(['seq', 'event'])
      .where('seq', '=', seq)
      .where('parked', '=', 1)
      .executeTakeFirst()
    if (row) await completeDeliveries(db, [row])
    return row
  })
  if (!found) throw missing(id)
}

function partsOf(id: string): { kind: string | undefined; seq: number } {
  const [, kind, number] = /^(job|delivery)-(\d+)$/.exec(id) ?? []
  return { kind, seq: Number(number ?? -1) }
}

const missing = (id: string) => new Problem('not_found', { what: `parked job or delivery ${id}` })

async function reviveJob({ store, clock }: BusParts, seq: number): Promise<Revived | undefined> {
  const row = await store.db
    .updateTable('bus_jobs')
    .set({ state: 'ready', due: clock.steady(), failures: 0 })
    .where('seq', '=', seq)
    .where('state', '=', 'parked')
    .returning('queue')
    .executeTakeFirst()
  return row && { kind: 'job', queue: row.queue }
}

async function reviveDelivery(parts: BusParts, seq: number): Promise<Revived | undefined> {
  const found = await parts.store.db
    .updateTable('bus_deliveries')
    .set({ parked: 0, due: 0, failures: 0 })
    .where('seq', '=', seq)
    .where('parked', '=', 1)
    .returning('consumer')
    .executeTakeFirst()
  if (!found) return undefined
  const [row] = await findDeliveries(parts, found.consumer, { after: seq - 1, limit: 1 })
  return row && { kind: 'delivery', consumer: found.consumer, row }
}
