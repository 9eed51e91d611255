import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { AuditRecord } from '#contracts/audit.ts'
import type { Node, Task } from '#contracts/descriptors.ts'
import type { Line, NewLine } from '#contracts/logger.ts'
import type { Identity } from '#contracts/profiles.ts'
import type { NodeRecord, Variable } from '#contracts/registry.ts'
import { defaultSettings } from '#contracts/settings.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import type { NodeStatus, Run, Work } from '#contracts/tasker.ts'
import { type Clock, systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { startService } from '#kit/service.ts'
import { openSqlite } from '#store/sqlite.ts'
import { failOnScans } from '#testing/scans.ts'
import { api } from '../index.ts'
import { answerProfiles } from './profiles.ts'
import { answerTasker } from './tasker.ts'

failOnScans()

/** What the services behind the bus know, for a test to set. */
export interface World {
  identities: Map<string, Identity>
  /** `user action repo` that profiles refuses. */
  forbidden: Set<string>
  asked: { name: string; input: unknown }[]
  /** Answers of a call that a test puts in place of the usual one. */
  instead: Map<string, (input: unknown) => Promise<unknown>>
  audit: AuditRecord[]
  /** Nothing can be written to the audit. */
  auditBroken: boolean
  nodes: Node[]
  tasks: Task[]
  records: NodeRecord[]
  statuses: NodeStatus[]
  works: Work[]
  runs: Run[]
  plans: NodePlan[]
  variables: Variable[]
  lines: Line[]
}

export interface TestApi extends AsyncDisposable {
  url: string
  bus: Bus
  world: World
  /** Adds a line as logger would, and wakes who waits. */
  say(line: Partial<NewLine> & { text: string }): void
}

export const AT = Date.UTC(2026, 0, 1, 12)
export const ANN = 'devo_ann'
export const BOB = 'devo_bob'
export const ADMIN = 'devo_admin'
export const COMMIT = '3f2a1c0d'.padEnd(40, '0')

const identity = (user: string, admin = false): Identity => ({
  user,
  admin,
  via: 'token',
  credential: `id-${user}`,
})

export const web: Node = {
  id: 'web',
  name: 'First',
  type: 'server',
  provider: { name: 'docker' },
  services: { nginx: '*' },
  configuration: {},
  vars: {},
}

export const deploy: Task = {
  id: 'deploy',
  type: 'task',
  vars: {},
  triggers: { webhooks: [{ path: 'deploy' }], crons: [], events: [] },
  targets: ['web'],
  steps: [{ run: 'uptime' }],
}

const newWorld = (): World => ({
  identities: new Map([
    [ANN, identity('ann')],
    [BOB, identity('bob')],
    [ADMIN, identity('root', true)],
  ]),
  forbidden: new Set(),
  asked: [],
  instead: new Map(),
  audit: [],
  auditBroken: false,
  nodes: [web],
  tasks: [deploy],
  records: [],
  statuses: [],
  works: [],
  runs: [],
  plans: [],
  variables: [],
  lines: [],
})

/** The API on a real bus and a real port; the other services are answers at the contract boundary. */
export async function startTestApi(options: { clock?: Clock; port?: number } = {}): Promise<TestApi> {
  await using stack = new AsyncDisposableStack()
  const clock = options.clock ?? systemClock
  const store = stack.use(openSqlite(':memory:'))
  const bus = stack.use(await embeddedBus({ store, clock, log: silentLog, source: 'test' }))
  const world = newWorld()
  const record = recorded(bus, world)
  bus.answer('profiles.record_audit', async (entry) => {
    if (world.auditBroken) throw new Problem('unaudited', { reason: 'the disk is full' })
    return { seq: world.audit.push(entry) }
  })
  const waiting = new Set<() => void>()
  answerProfiles(record, world)
  answerTasker(record, world)
  answerRest(record, world)
  record.answer('logger.query', async ({ after, limit, wait = 0, ...filter }, { signal }) => {
    const fit = () => world.lines.filter((line) => line.seq > (after ?? 0) && fits(line, filter))
    if (after !== undefined && fit().length === 0) await held(waiting, clock, wait, signal)
    const lines = after === undefined ? fit().slice(-limit) : fit().slice(0, limit)
    const newest = world.lines.at(-1)?.seq ?? 0
    const last = lines.length === limit && after !== undefined ? (lines.at(-1)?.seq ?? 0) : newest
    return { lines, last, first: null, removed: null }
  })
  let port = 0
  const parts = { bus, store, clock, log: silentLog }
  const schemas = () => ({ node: { title: 'Node' }, task: { title: 'Task' } })
  const onListen = (address: { port: number }) => {
    port = address.port
  }
  stack.use(
    await startService(api, parts, {
      port: options.port ?? 0,
      allowedHosts: ['devops.test'],
      schemas,
      onListen,
    }),
  )
  const undo = stack.move()
  return {
    url: `http://127.0.0.1:${port}`,
    bus,
    world,
    say(line) {
      const seq = (world.lines.at(-1)?.seq ?? 0) + 1
      world.lines.push({ seq, at: AT, repo: 'ann/shop', stream: 'stdout', level: 'info', ...line })
      for (const wake of waiting) wake()
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

export type Answerer = Pick<Bus, 'answer'>

/** Notes what was asked of the services. */
const recorded = (bus: Bus, world: World): Answerer => ({
  answer: (name, handler) =>
    bus.answer(name, (input, context) => {
      world.asked.push({ name, input })
      const instead = world.instead.get(name)
      return instead ? (instead(input) as never) : handler(input, context)
    }),
})

const byCommit = { set_at: AT, set_by: 'ann', source: { kind: 'commit' as const, id: COMMIT } }

function answerRest(bus: Answerer, world: World): void {
  const repository = (repo: string) => ({ repo, created_at: AT, branch: 'main', commit: COMMIT })
  bus.answer('git.list_repositories', async () => ['ann/shop', 'bob/blog', 'eve/own'].map(repository))
  bus.answer('git.get_repository', async ({ repo }) => repository(repo))
  bus.answer('git.create_repository', async ({ repo }) => ({ ...repository(repo), commit: null }))
  bus.answer('git.get_settings', async () => defaultSettings())
  bus.answer('git.set_settings', async ({ change }) => ({ ...defaultSettings(), ...change }))
  bus.answer('git.delete_repository', async () => {
    throw new Problem('conflict', { reason: 'The repository has nodes on record' })
  })
  bus.answer('git.infrastructure', async ({ repo }) => ({
    repo,
    commit: COMMIT,
    nodes: world.nodes,
    tasks: world.tasks,
    scripts: {},
    services: [],
  }))
  bus.answer('registry.list_nodes', async () => world.records)
  bus.answer('registry.list_variables', async () => world.variables)
  bus.answer('registry.set_variable', async ({ by, source = null, ...rest }) => ({
    ...rest,
    set_at: AT,
    set_by: by,
    source,
  }))
  bus.answer('registry.get_value', async ({ address }) => ({
    value: address === 'color' ? 'red' : [80, 443],
    from: address === 'color' ? { scope: 'node:web', written: true, ...byCommit } : null,
  }))
  bus.answer('registry.unset_variable', async () => ({}))
  bus.answer('registry.variable_history', async () => [
    { value: null, unset: true, written: false, set_at: AT, set_by: 'ann', source: null },
    { value: '1.4', unset: false, written: true, ...byCommit },
  ])
  const sealed = { version: 2, set_at: AT, set_by: 'ann' }
  bus.answer('registry.list_secrets', async () => [{ name: 'token', ...sealed }])
  bus.answer('registry.set_secret', async ({ name }) => ({ name, ...sealed, used_by: ['web'] }))
  bus.answer('registry.unset_secret', async () => ({ used_by: ['web'] }))
  bus.answer('registry.secret_history', async () => [{ ...sealed, action: 'rotated' as const }])
  bus.answer('registry.list_passwords', async () => [{ address: 'passwords.shop', ...sealed }])
  bus.answer('registry.rotate_password', async ({ address }) => ({ address, ...sealed, used_by: ['db'] }))
  bus.answer('registry.used_by', async ({ address }) =>
    address === 'vars.version' ? ['web'] : ['db', 'web'],
  )
  bus.answer('shazam.plan', async () => world.plans)
  bus.answer('git.rollback', async () => ({ commit: COMMIT, to: COMMIT, marked: [COMMIT] }))
  const requireServer = (repo: string, node: string) => {
    if (world.nodes.some(({ id }) => id === node)) return
    throw new Problem('not_found', { what: `server of node ${node} in ${repo}` })
  }
  bus.answer('shazam.power', async ({ repo, node }) => {
    requireServer(repo, node)
    return {}
  })
  bus.answer('shazam.offers', async ({ credential }) => ({
    sizes: [{ id: 'small', description: 'one\u001b processor' }],
    locations: [],
    images: [{ id: 'debian', description: credential ?? 'of everybody' }],
  }))
  bus.answer('shazam.trust', async ({ repo, node }) => {
    requireServer(repo, node)
    return { before: ['SHA256:abc'] }
  })
  bus.answer('shazam.link', async () => ({
    host_key: 'SHA256:abc',
    os: 'Debian 12',
    changes: ['makes the user devops'],
    warnings: ['it is \u001bours'],
  }))
}

const fits = (line: Line, filter: Record<string, unknown>) =>
  ['repo', 'node', 'task', 'work', 'service'].every(
    (key) => filter[key] === undefined || filter[key] === line[key as keyof Line],
  )

const held = (waiting: Set<() => void>, clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      undo()
      waiting.delete(done)
      resolve()
    }
    const undo = clock.after(ms, done)
    waiting.add(done)
    signal.addEventListener('abort', done, { once: true })
  })
