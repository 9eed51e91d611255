import type { Kysely } from 'kysely'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Drift } from '#contracts/shazam.ts'
import type { Cause, NodeStatus } from '#contracts/tasker.ts'
import { deepestSince, type Origin } from './depth.ts'
import { fingerprints } from './fingerprint.ts'
import { queueSync } from './syncs.ts'
import type { LookRow, NodeRow, Tables } from './tables.ts'
import type { Turn } from './turn.ts'

export async function readDrifts(
  db: Kysely<Tables>,
  repo: string,
): Promise<Map<string, NodeStatus['drift']>> {
  const rows = await db.selectFrom('tasker_looks').selectAll().where('repo', '=', repo).execute()
  return new Map(rows.map((row) => [row.node, toDrift(row)]))
}

const toDrift = ({ drift, since }: LookRow): NodeStatus['drift'] =>
  drift === null ? null : { since: since ?? 0, fields: JSON.parse(drift) }

/** A sync has made the node as it should be. */
export async function forgetDrift({ db }: Turn, repo: string, node: string): Promise<void> {
  await db
    .updateTable('tasker_looks')
    .set({ drift: null, since: null })
    .where('repo', '=', repo)
    .where('node', '=', node)
    .execute()
}

/**
 * Keeps what a look has found. The same drift as before is no news; another one is announced, in the same transaction.
 * `heal`: what the node is healed by: a sync is queued as long as there is drift, also when healing was allowed only
 * after it was found.
 */
export async function recordLook(
  turn: Turn,
  node: NodeRow,
  fields: Drift[],
  heal: Infrastructure | undefined,
): Promise<void> {
  const fingerprint = heal && fingerprints(heal).get(node.node)
  const before = await turn.db
    .selectFrom('tasker_looks')
    .selectAll()
    .where('repo', '=', node.repo)
    .where('node', '=', node.node)
    .executeTakeFirst()
  const drift = fields.length > 0 ? JSON.stringify(fields) : null
  const news = drift !== (before?.drift ?? null)
  const since = drift === null ? null : ((news ? undefined : before?.since) ?? turn.now)
  const seen = { looked_at: turn.now, drift, since }
  await turn.db
    .insertInto('tasker_looks')
    .values({ repo: node.repo, node: node.node, ...seen })
    .onConflict((conflict) => conflict.columns(['repo', 'node']).doUpdateSet(seen))
    .execute()
  if (drift === null) {
    if (news) turn.note({ ...place(node), level: 'info', text: `${node.node} is as it was applied again` })
    return
  }
  const origin = await deepestSince(turn.db, place(node), before?.looked_at ?? 0)
  const heals = heal && fingerprint !== undefined ? { commit: heal.commit, fingerprint } : undefined
  if (news) await tell(turn, node, fields, heals !== undefined, origin)
  if (heals) await queueHealing(turn, node, fields, heals, origin)
}

const place = ({ repo, node }: NodeRow) => ({ repo, node })

async function tell(
  turn: Turn,
  node: NodeRow,
  fields: Drift[],
  heals: boolean,
  origin: Origin | undefined,
): Promise<void> {
  const { repo, node: name, synced_commit: commit } = node
  turn.note({ repo, node: name, level: 'warn', text: `${name} has drifted: ${driftSentence(fields)}` })
  if (commit === null) return
  const data = { repo, node: name, commit, fields, heals, work: origin?.work ?? null }
  await turn.bus.publish('node.*.drift', { name, subject: `${repo}/${name}`, data }, turn.tx)
}

async function queueHealing(
  turn: Turn,
  { repo, node }: NodeRow,
  fields: Drift[],
  heals: { commit: string | null; fingerprint: string },
  origin: Origin | undefined,
): Promise<void> {
  const depth = origin?.depth ?? 0
  const cause: Cause = { kind: 'drift', by: 'devo.ps', detail: driftSentence(fields), depth }
  await queueSync(turn, { repo, node, ...heals, cause })
}

const SHOWN = 3

/** `file:/etc/motd mode 644 -> 600; unit:cron running true -> inactive; and 2 more` */
export function driftSentence(fields: readonly Drift[]): string {
  const said = fields
    .slice(0, SHOWN)
    .map(({ resource, attribute, before, after }) => `${resource} ${attribute} ${before} -> ${after}`)
  const more = fields.length - said.length
  return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}
