import { sql } from 'kysely'
import type { Bus, BusEvent } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { Infrastructure, Node, Service } from '#contracts/descriptors.ts'
import type { Line, NewLine } from '#contracts/logger.ts'
import type { NodeRecord, Server } from '#contracts/registry.ts'
import { defaultSettings } from '#contracts/settings.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { startService } from '#kit/service.ts'
import { openSqlite } from '#store/sqlite.ts'
import type { Fleet, Machine } from '#testing/fleet.ts'
import { type ShazamOptions, shazam } from '../index.ts'

export const repo = 'ann/site'

/** Run -> what its step is, as the tasker of every desk tells it. */
export const scripts = new Map<string, { script: string; user?: string; env?: Record<string, string> }>()

/** The neighbours of shazam, as far as it asks them: what they keep is here for a test to see. */
export interface Desk extends AsyncDisposable {
  bus: Bus
  infrastructure: Infrastructure
  records: Map<string, NodeRecord>
  lines: Line[]
  events: BusEvent[]
  /** Texts that nothing may show. */
  secrets: string[]
  /** Why the registry records nothing. */
  refuse: (() => Problem) | undefined
  /** Why the tasker tells no text of a step. */
  refuseText: (() => Problem | undefined) | undefined
  texts(stream?: NewLine['stream']): string[]
  /** Whoever is next takes over what others are working on, as when they could not renew their leases. Returns the highest attempt so far. */
  loseLeases(): Promise<number>
  /** The first event that fits, also when it came already. */
  event(fits: (event: BusEvent) => boolean): Promise<BusEvent>
  start(options?: Partial<ShazamOptions>): Promise<AsyncDisposable>
}

export const record = (node: string, server: Server | null = null): NodeRecord => ({
  repo,
  node,
  server,
  facts: {},
  applied: null,
  created_at: null,
})

export const serverOf = (machine: Machine, more: Partial<Server> = {}): Server => ({
  provider: 'ssh',
  id: machine.id,
  host: machine.ip,
  port: 22,
  user: 'devops',
  host_keys: [...machine.hostKeys],
  made_from: { name: 'ssh' },
  ...more,
})

export const aNode = (id: string, more: Partial<Node> = {}): Node => ({
  id,
  type: 'server',
  provider: { name: 'ssh' },
  services: {},
  configuration: {},
  vars: {},
  ...more,
})

export async function openDesk(
  key: Fleet['key'],
  path = ':memory:',
  catalog: readonly Service[] = [],
  onLine: (line: Line) => void = () => {},
): Promise<Desk> {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(openSqlite(path))
  const bus = stack.use(await embeddedBus({ store, clock: systemClock, log: silentLog, source: 'desk' }))
  const infrastructure: Infrastructure = {
    repo,
    commit: null,
    nodes: [],
    tasks: [],
    scripts: {},
    services: [],
  }
  const records = new Map<string, NodeRecord>()
  const lines: Line[] = []
  const events: BusEvent[] = []
  const secrets: string[] = []
  const waiting = new Set<() => void>()
  const keep = (node: string, what: Partial<NodeRecord>) => {
    const next = { ...(records.get(node) ?? record(node)), ...what }
    records.set(node, next)
    return next
  }
  bus.answer('git.infrastructure', async () => infrastructure)
  bus.answer('profiles.node_keys', async () => [])
  bus.answer('registry.platform_key', async () => ({
    public_key: key.publicKey,
    private_key: key.privateKey.reveal(),
  }))
  bus.answer('registry.get_node', async ({ node }) => records.get(node) ?? record(node))
  bus.answer('registry.list_nodes', async () => [...records.values()])
  bus.answer('registry.resolve', async () => {
    const unresolved = {
      node: 'early',
      at: 'vars.peer',
      reason: 'db.ip is not known yet',
      waits_for: 'db.ip',
    }
    const trees = infrastructure.nodes.map(({ id }) => [id, { configuration: {}, vars: {} }])
    return { vars: {}, secrets: {}, $unresolved: [unresolved], ...Object.fromEntries(trees) }
  })
  bus.answer('registry.record_node', async (asked) => {
    const { node, repo: _r, fence: _f, uses: _u, only_if, begun: _b, ...what } = asked
    const refusal = desk.refuse?.()
    if (refusal) throw refusal
    if (only_if !== undefined && records.get(node)?.server?.id !== only_if)
      throw new Problem('conflict', { reason: `Node ${node} has another server now, or none` })
    return keep(node, what as Partial<NodeRecord>)
  })
  bus.answer('profiles.record_audit', async () => ({ seq: 1 }))
  bus.answer('registry.note_uses', async () => ({ fresh: false }))
  bus.answer('registry.forget_node', async ({ node }) => {
    records.delete(node)
    return {}
  })
  bus.answer('tasker.step_script', async ({ run }) => {
    const unaudited = desk.refuseText?.()
    if (unaudited) throw unaudited
    const known = scripts.get(run)
    if (!known) throw new Problem('not_found', { what: `run ${run}` })
    return { user: 'devops', env: {}, ...known, error: null, secrets }
  })
  bus.answer('git.get_settings', async () => defaultSettings())
  bus.answer('logger.append', async (given) => {
    for (const one of given.lines) {
      const line = { ...one, seq: lines.length + 1 }
      lines.push(line)
      onLine(line)
    }
    return { last: lines.length }
  })
  bus.answer('logger.query', async ({ after = 0, limit, work, node, step }) => {
    const found = lines.filter(
      (line) => line.seq > after && line.work === work && line.node === node && line.step === step,
    )
    return { lines: found.slice(0, limit), last: lines.length, first: null, removed: null }
  })
  const patterns = ['create', 'update', 'delete'].flatMap((verb) =>
    ['start', 'success', 'error'].map((end) => `node.*.${verb}.${end}` as 'node.*.create.start'),
  )
  bus.on('desk', [...patterns, 'node.*.waits', 'step.finished'] as 'step.finished'[], async (event) => {
    events.push(event)
    for (const look of waiting) look()
  })
  const undo = stack.move()
  const desk: Desk = {
    bus,
    refuse: undefined,
    refuseText: undefined,
    infrastructure,
    records,
    lines,
    events,
    secrets,
    async loseLeases() {
      const { rows } = await sql<{
        attempt: number
      }>`update bus_jobs set due = 0 where state = 'leased' and payload not like '%"none"%' returning attempt`.execute(
        store.db,
      )
      const none = { repo, node: 'none', attempt: 1 }
      await bus.send('shazam.nodes', { payload: { ...none, work: 'none', commit: null, goal: 'converge' } })
      await bus.send('shazam.steps', {
        payload: { ...none, run: 'none', task: 'none', step: 0 },
      })
      return Math.max(0, ...rows.map(({ attempt }) => attempt))
    },
    texts: (stream) => lines.filter((line) => !stream || line.stream === stream).map((line) => line.text),
    event: (fits) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find(fits)
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    start: (options = {}) =>
      startService(
        shazam,
        { bus, store, clock: systemClock, log: silentLog },
        { catalog, plane: 'desk', ...options },
      ),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
  return desk
}
