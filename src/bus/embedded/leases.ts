import type { QueueName } from '#contracts'
import type { Tx } from '#store'
import { Problem } from '../../kit/problem.ts'
import { LONGEST_RETRY } from '../backoff.ts'
import type { BusParts } from './parts.ts'
import type { BusTables, JobRow } from './schema.ts'

/** A job as its worker holds it. `seq` and `attempt` together are the fence. */
export type Held = Pick<JobRow, 'id' | 'payload' | 'version' | 'traceparent' | 'attempt' | 'failures'> & {
  seq: number
}

export interface Claim {
  held: Held[]
  /** When the next job falls due or the next lease ends, if any. */
  next: number | undefined
}

/** Leases up to `limit` jobs that are due or whose lease has ended; parks those whose workers died too often. */
export function claimJobs(
  { store, clock }: BusParts,
  queue: QueueName,
  { limit, lease, attempts }: { limit: number; lease: number; attempts: number },
): Promise<Claim> {
  const now = clock.steady()
  return store.transaction(async ({ db }) => {
    const held: Held[] = []
    while (held.length < limit) {
      const row = await nextJob(db, queue)
      if (!row || row.due > now) return { held, next: row?.due }
      const failures = row.failures + (row.state === 'leased' ? 1 : 0)
      const parked = failures >= attempts
      const attempt = parked ? row.attempt : row.attempt + 1
      await db
        .updateTable('bus_jobs')
        .set(
          parked
            ? { state: 'parked', failures, error: row.error || DIED }
            : { state: 'leased', due: now + lease, attempt, failures },
        )
        .where('seq', '=', row.seq)
        .execute()
      if (!parked) held.push({ ...row, attempt, failures })
    }
    return { held, next: undefined }
  })
}

const DIED = 'its worker died'

function nextJob(db: Tx<BusTables>['db'], queue: QueueName) {
  return db
    .selectFrom('bus_jobs')
    .select([
      'seq',
      'id',
      'payload',
      'version',
      'traceparent',
      'attempt',
      'failures',
      'state',
      'due',
      'error',
    ])
    .where('queue', '=', queue)
    .where('state', 'in', ['ready', 'leased'])
    .orderBy('due')
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
}

/** Whether the lease is still ours. */
export async function renewLease({ store }: BusParts, held: Held, until: number): Promise<boolean> {
  return (await changeLeased(store, held, { due: until })) > 0
}

export async function forgetFailures({ store }: BusParts, held: Held): Promise<void> {
  await changeLeased(store, held, { failures: 0 })
}

/** Gives a job back: to be tried at `due`, or parked. */
export async function returnJob(
  { store }: BusParts,
  held: Held,
  change: Pick<JobRow, 'state' | 'due' | 'wait' | 'failures' | 'error'>,
): Promise<void> {
  await changeLeased(store, held, change)
}

async function changeLeased(
  { db }: Pick<BusParts['store'], 'db'>,
  held: Held,
  change: Partial<Omit<JobRow, 'seq'>>,
): Promise<number> {
  const result = await db
    .updateTable('bus_jobs')
    .set(change)
    .where('seq', '=', held.seq)
    .where('attempt', '=', held.attempt)
    .where('state', '=', 'leased')
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

/** Removes a job that is done. False when it was done before; throws `fenced` when a newer attempt has it. */
export async function completeJob({ db }: Tx<BusTables>, held: Held): Promise<boolean> {
  const row = await db.selectFrom('bus_jobs').select('attempt').where('seq', '=', held.seq).executeTakeFirst()
  if (!row) return false
  if (row.attempt !== held.attempt) throw new Problem('fenced', { current: row.attempt })
  await db.deleteFrom('bus_jobs').where('seq', '=', held.seq).execute()
  return true
}

/**
 * One process owns the file: whatever a former process had leased is free, and counts as an attempt that failed. Times of
 * that process are on its own clock: nothing waits longer than it would have waited there.
 */
export async function takeOver({ store, clock }: BusParts): Promise<void> {
  const now = clock.steady()
  await store.transaction(async ({ db }) => {
    await db
      .updateTable('bus_jobs')
      .set((row) => ({ state: 'ready', due: now, failures: row('failures', '+', 1), error: DIED }))
      .where('state', '=', 'leased')
      .execute()
    await db
      .updateTable('bus_jobs')
      .set((row) => ({ due: row('wait', '+', now) }))
      .where((row) => row('due', '>', row('wait', '+', now)))
      .execute()
    await db
      .updateTable('bus_deliveries')
      .set({ due: now + LONGEST_RETRY })
      .where('due', '>', now + LONGEST_RETRY)
      .execute()
  })
}
