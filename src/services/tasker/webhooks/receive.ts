import type { Input, Output } from '#contracts'
import type { AuditRecord } from '#contracts/audit.ts'
import type { Infrastructure, Task, Webhook } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { createRun } from '../runs/create.ts'
import { actorOf } from '../runs/secret-use.ts'
import type { Tasker } from '../tasker.ts'
import { holdTip, type Seen, seeTip, untilStill } from '../tips.ts'
import type { Turn } from '../turn.ts'
import { isAllowed } from './addresses.ts'
import { findByKey, insertDelivery, type NewDelivery, pruneDeliveries } from './deliveries.ts'
import { createHookLimit, type HookLimit } from './limit.ts'
import { payloadOf } from './payload.ts'
import { keyOf, signatureTrouble, withoutCredentials } from './signature.ts'

/** A request as it came, whatever it is worth. */
interface Incoming {
  repo: string
  path: string
  headers: Record<string, string>
  query: Record<string, string>
  body: Buffer
  from: string
}

export interface Hook {
  seen: Seen
  tip: Infrastructure
  task: Task
  webhook: Webhook
}

/** Milliseconds between two looks for deliveries that are too old. */
const PRUNE = 60_000

type Received = Output<'tasker.receive_webhook'>

/** Answers `tasker.receive_webhook`. A delivery that a webhook refuses is on record as well. */
export function receiveWebhook(tasker: Tasker) {
  const limit = createHookLimit()
  const pruned = new Map<string, number>()
  /** Whether a repository's deliveries are looked through: not with each one. */
  const isTime = ({ now }: Turn, repo: string): boolean => {
    const due = now - (pruned.get(repo) ?? 0) >= PRUNE
    if (due) pruned.set(repo, now)
    return due
  }
  return async ({ body, ...rest }: Input<'tasker.receive_webhook'>): Promise<Received> => {
    const incoming: Incoming = { ...rest, body: Buffer.from(body, 'base64') }
    let hook: Hook | undefined = await hookOf(tasker, incoming)
    chargeFor(limit, incoming, tasker.clock.steady())
    return untilStill(async () => {
      const now = hook ?? (await hookOf(tasker, incoming))
      hook = undefined
      return take(now, incoming)
    })
  }

  async function take(hook: Hook, incoming: Incoming): Promise<Received> {
    try {
      await admit(tasker, hook, incoming)
      const payload = await payloadOf(incoming.body, incoming.headers)
      const recorded = await recordUse(tasker, hook, incoming)
      const received = await tasker.turns.take(async (turn) => {
        await holdTip(turn, hook.seen)
        return accept(turn, hook, incoming, payload, isTime)
      })
      await recorded?.(received.run)
      return received
    } catch (error) {
      if (error instanceof Problem && error.status < 500) await refuse(tasker, hook, incoming, error)
      throw error
    }
  }
}

const chargeFor = (limit: HookLimit, { repo, path }: Incoming, now: number) =>
  limit.charge(`${repo}/${path}`, now)

/** The same words whether the repository or only the path is unknown: who asks learns nothing. */
async function hookOf(tasker: Tasker, { repo, path }: Incoming): Promise<Hook> {
  const seen = await seeTip(tasker, repo)
  const { tip } = seen
  for (const task of tip?.tasks ?? [])
    for (const webhook of task.triggers.webhooks)
      if (tip && webhook.path === path) return { seen, tip, task, webhook }
  throw new Problem('not_found', { what: 'webhook at this address' })
}

async function admit({ bus, clock }: Tasker, { tip, webhook }: Hook, incoming: Incoming): Promise<void> {
  const { secret, type, allow } = webhook
  if (!isAllowed(incoming.from, allow)) throw new Problem('address_refused', { from: incoming.from })
  if (secret === undefined || type === undefined) return
  const { value } = await bus.ask('registry.reveal_secret', { repo: tip.repo, name: secret })
  const trouble =
    value === null ? "the webhook's secret is not set" : signatureTrouble(type, value, incoming, clock.now())
  if (trouble !== undefined) throw new Problem('unsigned', { reason: trouble })
}

/**
 * Nothing comes of a signature whose check cannot be recorded: the sender is told to come again. Only good ones are
 * recorded: the rest is among the deliveries, and anybody could fill the audit with them.
 */
async function recordUse(
  { bus, log }: Tasker,
  { tip, task, webhook }: Hook,
  { from, path }: Incoming,
): Promise<((run: string) => Promise<void>) | undefined> {
  if (webhook.secret === undefined) return undefined
  const secrets = [`secrets.${webhook.secret}`]
  const record: AuditRecord = {
    ...actorOf({ kind: 'webhook', by: from, detail: path, depth: 0 }),
    action: 'secret.use',
    repo: tip.repo,
    cause: `signature of webhook ${path}`,
    details: { secrets, task: task.id },
    outcome: 'intent',
    of: null,
  }
  const { seq } = await bus.ask('profiles.record_audit', record)
  return async (run) => {
    await bus
      .ask('profiles.record_audit', { ...record, details: { secrets, run }, outcome: 'done', of: seq })
      .catch((error) => log.error({ err: error, of: seq }, 'the run of a webhook could not be recorded'))
  }
}

async function accept(
  turn: Turn,
  hook: Hook,
  incoming: Incoming,
  payload: unknown,
  isTime: (turn: Turn, repo: string) => boolean,
): Promise<Received> {
  const { tip, task, webhook } = hook
  const { repo, path } = incoming
  const key = keyOf(webhook.type, incoming.headers)
  const first = key === null ? undefined : await findByKey(turn.db, { repo, path, key })
  if (first?.run) return { delivery: first.id, run: first.run, repeated: true }
  const request = requestOf(incoming)
  const cause = { kind: 'webhook' as const, by: incoming.from, detail: path, depth: 0 }
  const run = await createRun(turn, { tip, task, vars: {}, cause, payload, request })
  const about = aboutOf(hook, incoming)
  const { id } = await insertDelivery(turn, { ...about, key, status: 202, run: run.id, body: incoming.body })
  if (isTime(turn, repo)) await pruneDeliveries(turn, repo)
  return { delivery: id, run: run.id, repeated: false }
}

const requestOf = ({ path, headers, query }: Incoming) => ({
  path,
  query,
  headers: withoutCredentials(headers),
})

const aboutOf = ({ task }: Hook, incoming: Incoming): NewDelivery => ({
  repo: incoming.repo,
  path: incoming.path,
  task: task.id,
  status: 202,
  reason: null,
  key: null,
  from: incoming.from,
  size: incoming.body.length,
  run: null,
  of: null,
  by: null,
  request: requestOf(incoming),
  body: null,
})

/** Without its body: whoever cannot sign fills no disk. */
async function refuse(tasker: Tasker, hook: Hook, incoming: Incoming, problem: Problem): Promise<void> {
  const reason = problem.message
  await tasker.turns.take(async (turn) => {
    await holdTip(turn, hook.seen)
    await insertDelivery(turn, { ...aboutOf(hook, incoming), status: problem.status, reason })
    await pruneDeliveries(turn, incoming.repo)
    const text = `a delivery to ${incoming.path} from ${incoming.from} was refused: ${reason}`
    turn.note({ repo: incoming.repo, task: hook.task.id, level: 'warn', text })
  })
}
