import type { Input } from '#contracts'
import type { Health } from '#contracts/monitor.ts'
import type { NodeRecord } from '#contracts/registry.ts'
import type { Parts } from '#kit/service.ts'
import type { Tx } from '#store'
import type { Outcome } from './probe.ts'
import type { Tables } from './tables.ts'

type Row = Tables['monitor_nodes']
interface Live {
  checked_at: number
  latency: number | null
  failures: number
}

/** So many failed probes in a row, and a node is down: one lost packet is no outage. */
const FAILURES = 2

export const keyOf = ({ repo, node }: { repo: string; node: string }): string => `${repo}/${node}`

/** Which nodes there are and how they are. */
export class HealthRecords {
  readonly #parts: Parts
  readonly #live = new Map<string, Live>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get #db() {
    return this.#parts.store.as<Tables>().db
  }

  async list(): Promise<Row[]> {
    return this.#db.selectFrom('monitor_nodes').selectAll().orderBy('repo').orderBy('node').execute()
  }

  /** Whether a node is kept where it is. */
  async knows({ repo, node, server }: NodeRecord): Promise<boolean> {
    const row = await this.#db
      .selectFrom('monitor_nodes')
      .select(['host', 'port'])
      .where('repo', '=', repo)
      .where('node', '=', node)
      .executeTakeFirst()
    return row?.host === server?.host && row?.port === server?.port
  }

  /** At a new address nothing is known of a node. */
  async save(tx: Tx<Tables>, { repo, node, server }: NodeRecord): Promise<void> {
    const key = tx.db.selectFrom('monitor_nodes').where('repo', '=', repo).where('node', '=', node)
    const known = await key.selectAll().executeTakeFirst()
    if (known && known.host === server?.host && known.port === server.port) return
    await tx.db.deleteFrom('monitor_nodes').where('repo', '=', repo).where('node', '=', node).execute()
    this.#live.delete(keyOf({ repo, node }))
    if (!server) return
    const { host, port } = server
    await tx.db
      .insertInto('monitor_nodes')
      .values({ repo, node, host, port, state: 'unknown', since: null, reason: null })
      .execute()
  }

  /** Counts a probe, and when the state changes by it, tells so in the transaction that keeps it. */
  async count(key: string, outcome: Outcome): Promise<void> {
    const failed = 'reason' in outcome
    const failures = failed ? (this.#live.get(key)?.failures ?? 0) + 1 : 0
    const latency = failed ? null : outcome.latency
    this.#live.set(key, { checked_at: this.#parts.clock.now(), latency, failures })
    if (failed && failures < FAILURES) return
    await this.#move(key, failed ? 'down' : 'up', failed ? outcome.reason : null)
  }

  async #move(key: string, state: 'up' | 'down', reason: string | null): Promise<void> {
    const { store, bus, clock } = this.#parts
    const [repo, node] = splitKey(key)
    const before = await this.#db
      .selectFrom('monitor_nodes')
      .select(['state', 'reason'])
      .where('repo', '=', repo)
      .where('node', '=', node)
      .executeTakeFirst()
    if (!before || (before.state === state && before.reason === reason)) return
    // Why it is down may become another: that is told, and is no event.
    if (before.state === state) return void (await this.#saveReason(repo, node, reason))
    await store.as<Tables>().transaction(async (tx) => {
      const moved = await tx.db
        .updateTable('monitor_nodes')
        .set({ state, since: clock.now(), reason })
        .where('repo', '=', repo)
        .where('node', '=', node)
        .where('state', '!=', state)
        .returning('node')
        .executeTakeFirst()
      if (!moved) return
      const event = { name: node, subject: key, data: { repo, node, reason } }
      await bus.publish(state === 'up' ? 'node.*.up' : 'node.*.down', event, tx)
    })
  }

  async #saveReason(repo: string, node: string, reason: string | null): Promise<void> {
    await this.#db
      .updateTable('monitor_nodes')
      .set({ reason })
      .where('repo', '=', repo)
      .where('node', '=', node)
      .execute()
  }

  async status({ repo }: Input<'monitor.status'>): Promise<Health[]> {
    const rows = await this.list()
    return rows
      .filter((row) => repo === undefined || row.repo === repo)
      .map(({ host: _, port: __, ...row }) => {
        const live = this.#live.get(keyOf(row))
        return { ...row, checked_at: live?.checked_at ?? null, latency: live?.latency ?? null }
      })
  }
}

export function splitKey(key: string): [repo: string, node: string] {
  const at = key.lastIndexOf('/')
  return [key.slice(0, at), key.slice(at + 1)]
}
