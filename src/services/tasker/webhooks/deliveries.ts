import type { Kysely } from 'kysely'
import type { Delivery, HookRequest } from '#contracts/deliveries.ts'
import { newId } from '#kit/ids.ts'
import type { DeliveryRow, Tables } from '../tables.ts'
import type { Turn } from '../turn.ts'

/** How long a body can be delivered again, and how long a sender's id is known, in milliseconds. */
const DAY = 24 * 60 * 60_000
export const BODY_KEPT = 7 * DAY
const KEPT = 30 * DAY
/** Of one repository: refused deliveries, and bytes of bodies. The oldest go first. */
const MOST_REFUSED = 200
const MOST_BYTES = 64 * 1024 * 1024

export interface NewDelivery {
  repo: string
  path: string
  task: string
  status: number
  reason: string | null
  key: string | null
  from: string
  size: number
  run: string | null
  of: string | null
  by: string | null
  request: HookRequest
  /** Of what is kept for a redelivery. */
  body: Buffer | null
}

export async function insertDelivery(turn: Turn, delivery: NewDelivery): Promise<DeliveryRow> {
  const { request, body, from, status, ...rest } = delivery
  const row: DeliveryRow = {
    ...rest,
    id: newId(turn.now),
    state: status < 400 ? 'accepted' : 'refused',
    status,
    from_address: from,
    request: JSON.stringify(request),
    body: body?.toString('base64') ?? null,
    at: turn.now,
  }
  await turn.db.insertInto('tasker_deliveries').values(row).execute()
  return row
}

/** The delivery that came first with a sender's id. */
export const findByKey = (
  db: Kysely<Tables>,
  { repo, path, key }: { repo: string; path: string; key: string },
): Promise<DeliveryRow | undefined> =>
  db
    .selectFrom('tasker_deliveries')
    .selectAll()
    .where('repo', '=', repo)
    .where('path', '=', path)
    .where('key', '=', key)
    .executeTakeFirst()

export const findDelivery = (
  db: Kysely<Tables>,
  repo: string,
  id: string,
): Promise<DeliveryRow | undefined> =>
  db
    .selectFrom('tasker_deliveries')
    .selectAll()
    .where('repo', '=', repo)
    .where('id', '=', id)
    .executeTakeFirst()

export function listDeliveryRows(
  db: Kysely<Tables>,
  { repo, path, limit }: { repo: string; path?: string; limit: number },
): Promise<Omit<DeliveryRow, 'request' | 'body'>[]> {
  const query = db
    .selectFrom('tasker_deliveries')
    .select(['id', 'repo', 'path', 'task', 'state', 'status', 'reason', 'key', 'from_address', 'size'])
    .select(['run', 'of', 'by', 'at'])
    .where('repo', '=', repo)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
  return (path === undefined ? query : query.where('path', '=', path)).execute()
}

export const toDelivery = (row: Omit<DeliveryRow, 'request' | 'body'>): Delivery => ({
  id: row.id,
  repo: row.repo,
  path: row.path,
  task: row.task,
  state: row.state,
  status: row.status,
  reason: row.reason,
  key: row.key,
  from: row.from_address,
  size: row.size,
  run: row.run,
  of: row.of,
  by: row.by,
  at: row.at,
})

/** Takes away what is old, and what one repository has too much of. */
export async function pruneDeliveries({ db, now }: Turn, repo: string): Promise<void> {
  const ours = db.deleteFrom('tasker_deliveries').where('repo', '=', repo)
  await ours.where('at', '<', now - KEPT).execute()
  const refused = db
    .selectFrom('tasker_deliveries')
    .select('id')
    .where('repo', '=', repo)
    .where('state', '=', 'refused')
    .orderBy('at', 'desc')
    .limit(MOST_REFUSED)
  await ours.where('state', '=', 'refused').where('id', 'not in', refused).execute()
  await dropBodies({ db, now }, repo)
}

async function dropBodies({ db, now }: Pick<Turn, 'db' | 'now'>, repo: string): Promise<void> {
  const withBody = await db
    .selectFrom('tasker_deliveries')
    .select(['id', 'at', 'size'])
    .where('repo', '=', repo)
    .where('body', 'is not', null)
    .orderBy('at', 'desc')
    .execute()
  let bytes = 0
  const gone = withBody.filter(({ at, size }) => {
    bytes += size
    return bytes > MOST_BYTES || at < now - BODY_KEPT
  })
  for (const { id } of gone)
    await db.updateTable('tasker_deliveries').set({ body: null }).where('id', '=', id).execute()
}
