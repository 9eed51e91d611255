import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { NodeRecord } from '#contracts/registry.ts'
import { Problem } from '#kit/problem.ts'

/** What stands behind the calls that the service asks: a test changes it at will. */
export interface World {
  /** OpenSSH line -> user. */
  keys: Map<string, string>
  tokens: Map<string, string>
  /** User -> address; `undefined` for everybody while users cannot be read. */
  emails: Map<string, string> | undefined
  /** `user action repo` that are refused. */
  forbidden: Set<string>
  /** `owner/repo/node` on record. */
  servers: Set<string>
  /** What runs of every repository. */
  running: string | undefined
  closed: boolean
  /** A service that cannot forget. */
  remembers: string | undefined
  forgotten: [service: string, repo: string, at: number][]
  /** Instead of its answer on what is on record. */
  registry: ((signal: AbortSignal) => Promise<never>) | undefined
  /** Names of those that are set. */
  secrets: string[]
  credentials: string[]
  /** Calls that are not answered. */
  deaf: Set<string>
  plan: (input: Input<'shazam.plan'>, signal: AbortSignal) => Promise<Output<'shazam.plan'>>
  asked: Input<'profiles.authenticate'>[]
  audit: Input<'profiles.record_audit'>[]
  auditBroken: boolean
}

export const emptyWorld = (): World => ({
  keys: new Map(),
  tokens: new Map(),
  emails: new Map(),
  forbidden: new Set(),
  servers: new Set(),
  registry: undefined,
  running: undefined,
  closed: false,
  remembers: undefined,
  forgotten: [],
  secrets: [],
  credentials: [],
  deaf: new Set(),
  plan: async ({ next }) =>
    (next?.nodes ?? []).map((one) => ({ node: one.id, verdict: 'create', changes: [], as_of: null })),
  asked: [],
  audit: [],
  auditBroken: false,
})

export function answerFor(bus: Bus, world: World): void {
  bus.answer('profiles.authenticate', async (input) => {
    world.asked.push(input)
    const user =
      input.kind === 'key'
        ? world.keys.get(input.key)
        : input.kind === 'token'
          ? world.tokens.get(input.token)
          : undefined
    if (!user) throw new Problem('unauthenticated', { reason: `this ${input.kind} is not known` })
    return { user, admin: false, via: input.kind, credential: 'x' }
  })
  bus.answer('profiles.get_user', async ({ name }) => {
    if (!world.emails) throw new Problem('internal', { reason: 'the disk does not answer' })
    const email = world.emails.get(name)
    if (email === undefined) throw new Problem('not_found', { what: `user ${name}` })
    return { name, email, admin: false, disabled: false, created_at: 0 }
  })
  bus.answer('profiles.authorize', async ({ user, action, repo }) => {
    if (world.forbidden.has(`${user} ${action} ${repo}`))
      throw new Problem('forbidden', { user, action: `${action} ${repo}` })
    return {}
  })
  bus.answer('profiles.record_audit', async (entry) => {
    if (world.auditBroken) throw new Problem('unaudited', { reason: 'the disk is full' })
    return { seq: world.audit.push(entry) }
  })
  bus.answer('registry.list_nodes', async (_, { signal }) => {
    await world.registry?.(signal)
    return [...world.servers].map((id) => {
      const [owner, name, node = ''] = id.split('/')
      return record(world, `${owner}/${name}`, node)
    })
  })
  bus.answer('tasker.close_repository', async () => {
    if (world.running) throw new Problem('conflict', { reason: `it is being worked on (${world.running})` })
    world.closed = true
    return {}
  })
  bus.answer('tasker.reopen_repository', async () => {
    world.closed = false
    return {}
  })
  for (const service of ['registry', 'tasker', 'profiles', 'logger'] as const)
    bus.answer(`${service}.forget_repository`, async ({ repo, at }) => {
      if (world.remembers === service) throw new Problem('internal', { reason: 'the disk is full' })
      world.forgotten.push([service, repo, at])
      return {}
    })
  bus.answer('registry.list_variables', async () => {
    hear(world, 'registry.list_variables')
    return []
  })
  bus.answer('registry.list_secrets', async () => {
    hear(world, 'registry.list_secrets')
    return world.secrets.map((name) => ({ name, version: 1, set_at: 0, set_by: 'ann' }))
  })
  bus.answer('profiles.repository_credentials', async () => {
    hear(world, 'profiles.repository_credentials')
    return world.credentials.map((name) => ({ name, provider: 'docker' }))
  })
  bus.answer('shazam.plan', (input, { signal }) => world.plan(input, signal))
}

function hear({ deaf }: World, call: string): void {
  if (deaf.has(call)) throw new Problem('no_answer', { call })
}

function record(world: World, repo: string, node: string): NodeRecord {
  const server = world.servers.has(`${repo}/${node}`)
    ? {
        provider: 'docker',
        id: 'x',
        host: '127.0.0.1',
        port: 22,
        user: 'devops',
        host_keys: [],
        made_from: {},
      }
    : null
  return { repo, node, server, facts: {}, applied: null, created_at: null }
}
