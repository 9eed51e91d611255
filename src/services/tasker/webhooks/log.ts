import type { Input } from '#contracts'
import type { Delivery, DeliveryContent } from '#contracts/deliveries.ts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { takeFor } from '../rights.ts'
import { createRun } from '../runs/create.ts'
import type { DeliveryRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { withTip } from '../tips.ts'
import type { Turn } from '../turn.ts'
import { findDelivery, insertDelivery, listDeliveryRows, toDelivery } from './deliveries.ts'
import { payloadOf } from './payload.ts'

export async function listDeliveries(
  { db }: Tasker,
  input: Input<'tasker.list_deliveries'>,
): Promise<Delivery[]> {
  return (await listDeliveryRows(db, input)).map(toDelivery)
}

export async function getDelivery(
  tasker: Tasker,
  { repo, delivery }: Input<'tasker.get_delivery'>,
): Promise<DeliveryContent> {
  const row = await deliveryOrNotFound(tasker, repo, delivery)
  const kept = row.body !== null
  const payload = kept ? await payloadIn(row) : null
  return { ...toDelivery(row), request: JSON.parse(row.request), kept, payload }
}

/** The task as it is now, with the request as it was then. It was signed when it came: its run starts at once. */
export async function redeliver(
  tasker: Tasker,
  { repo, delivery, by }: Input<'tasker.redeliver'>,
): Promise<Delivery> {
  const row = await deliveryOrNotFound(tasker, repo, delivery)
  if (row.state === 'refused')
    throw new Problem('conflict', { reason: `Delivery ${delivery} was refused and is not taken again` })
  if (row.body === null)
    throw new Problem('conflict', { reason: `The body of delivery ${delivery} is not kept any more` })
  const request = JSON.parse(row.request)
  const payload = await payloadIn(row)
  const cause = { kind: 'webhook' as const, by, detail: `${row.path}, delivered again`, depth: 0 }
  const act = async (turn: Turn, tip: Infrastructure): Promise<Delivery> => {
    const task = tip.tasks.find(({ triggers }) => triggers.webhooks.some(({ path }) => path === row.path))
    if (!task) throw new Problem('conflict', { reason: `No task has the webhook ${row.path} any more` })
    const run = await createRun(turn, { tip, task, vars: {}, cause, payload, request })
    const { from_address: from, size, path } = row
    const again = { repo, path, task: task.id, status: 202, reason: null, key: null, from, size, request }
    return toDelivery(
      await insertDelivery(turn, { ...again, run: run.id, of: row.of ?? row.id, by, body: bodyOf(row) }),
    )
  }
  return withTip(tasker, repo, act, takeFor(tasker, by, 'task.run', repo))
}

async function deliveryOrNotFound({ db }: Tasker, repo: string, id: string): Promise<DeliveryRow> {
  const row = await findDelivery(db, repo, id)
  if (!row) throw new Problem('not_found', { what: `delivery ${id} in ${repo}` })
  return row
}

const bodyOf = ({ body }: DeliveryRow): Buffer => Buffer.from(body ?? '', 'base64')

const payloadIn = (row: DeliveryRow): Promise<unknown> =>
  payloadOf(bodyOf(row), JSON.parse(row.request).headers)
