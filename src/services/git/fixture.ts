import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Bus, BusEvent } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { EventData, Input, Output } from '#contracts'
import type { NodeRecord } from '#contracts/registry.ts'
import { silentLog } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { startService } from '#kit/service.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { type FakeClock, fakeClock } from '#testing/clock.ts'
import { type GitOptions, git } from './index.ts'

/** What stands behind the calls that the service asks: a test changes it at will. */
export interface World {
  /** OpenSSH line -> user. */
  keys: Map<string, string>
  tokens: Map<string, string>
  /** `user action repo` that are refused. */
  forbidden: Set<string>
  /** `owner/repo/node` on record. */
  servers: Set<string>
  plan: (input: Input<'shazam.plan'>, signal: AbortSignal) => Promise<Output<'shazam.plan'>>
  asked: Input<'profiles.authenticate'>[]
}

type GitEvent = BusEvent<'repo.pushed' | 'repo.created' | 'repo.deleted'>

export interface Fixture extends AsyncDisposable {
  bus: Bus
  store: Store
  clock: FakeClock
  world: World
  events: GitEvent[]
  folder: string
  ssh: { host: string; port: number }
  http: { host: string; port: number }
  /** Folder of ann/infra.git on the server. */
  bare: string
  /** Stops the service and starts it again on the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
  /** A user with an SSH key of their own; returns the environment for a git client. */
  client(user: string): Promise<Client>
}

export interface Told {
  code: number
  /** stdout and stderr. */
  said: string
}

export class Client {
  readonly folder: string
  readonly env: Record<string, string>
  constructor(folder: string, env: Record<string, string>) {
    this.folder = folder
    this.env = env
  }

  /** A work tree with nothing in it, on branch main. */
  async tree(name = 'work'): Promise<Work> {
    const work = new Work(this, join(this.folder, name))
    await this.run('git', ['init', '-q', '-b', 'main', work.folder])
    return work
  }

  run(command: string, args: readonly string[], cwd = this.folder, env = {}): Promise<Told> {
    return execute(command, args, { cwd, env: { ...this.env, ...env } })
  }
}

export class Work {
  readonly client: Client
  readonly folder: string
  constructor(client: Client, folder: string) {
    this.client = client
    this.folder = folder
  }

  git(...args: string[]): Promise<Told> {
    return this.client.run('git', args, this.folder)
  }

  /** Runs git and throws unless it succeeds. */
  async must(...args: string[]): Promise<string> {
    const told = await this.git(...args)
    if (told.code !== 0) throw new Error(`git ${args.join(' ')}: ${told.said}`)
    return told.said.trim()
  }

  async commit(files: Record<string, string | null>, message = 'change'): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      const full = join(this.folder, path)
      await mkdir(dirname(full), { recursive: true })
      if (text === null) await rm(full)
      else await writeFile(full, text)
    }
    await this.must('add', '-A')
    await this.must('commit', '-q', '--allow-empty', '-m', message)
    return this.must('rev-parse', 'HEAD')
  }
}

export const node = (id: string, size = 'small') =>
  `id: ${id}\nname: ${id}\ntype: server\nprovider:\n  name: docker\n  size: ${size}\n`

export const task = (id: string, target: string, run = 'uptime') =>
  `id: ${id}\ntype: task\ntargets: [${target}]\ntriggers:\n  webhooks:\n    - path: ${id}\nsteps:\n  - run: ${run}\n`

export function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Promise<Told> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { ...options, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      resolve({ code, said: stdout + stderr })
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
  })
}

export async function startFixture(
  options: Partial<GitOptions> & { repo?: string | null } = {},
): Promise<Fixture> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'git-test-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const clock = fakeClock()
  const store = stack.use(openSqlite(':memory:'))
  const bus = stack.use(await embeddedBus({ store, clock, log: silentLog, source: 'test' }))
  const world = emptyWorld()
  answerFor(bus, world)
  const events: GitEvent[] = []
  bus.on('test', ['repo.pushed', 'repo.created', 'repo.deleted'], async (event) => void events.push(event))

  let service: AsyncDisposable | undefined
  stack.defer(() => service?.[Symbol.asyncDispose]())
  const addresses = { ssh: { host: '127.0.0.1', port: 0 }, http: { host: '127.0.0.1', port: 0 } }
  const start = async () => {
    service = await startService(
      git,
      { bus, store, clock, log: silentLog },
      {
        catalog: [],
        ...addresses,
        ...options,
        folder,
        onListen: (found) => Object.assign(addresses, found),
      },
    )
  }
  const stop = async () => {
    await service?.[Symbol.asyncDispose]()
    service = undefined
  }
  await start()
  const repo = options.repo === undefined ? 'ann/infra' : options.repo
  if (repo) await bus.ask('git.create_repository', { repo, by: 'ann' })
  const undo = stack.move()
  return {
    bus,
    store,
    clock,
    world,
    events,
    folder,
    get ssh() {
      return addresses.ssh
    },
    get http() {
      return addresses.http
    },
    bare: join(folder, 'git/repositories/ann/infra.git'),
    stop,
    async restart() {
      await stop()
      await start()
    },
    client: (user) => makeClient(folder, user, world),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

const emptyWorld = (): World => ({
  keys: new Map(),
  tokens: new Map(),
  forbidden: new Set(),
  servers: new Set(),
  plan: async ({ next }) =>
    (next?.nodes ?? []).map((one) => ({ node: one.id, verdict: 'create', changes: [], as_of: null })),
  asked: [],
})

function answerFor(bus: Bus, world: World): void {
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
  bus.answer('profiles.authorize', async ({ user, action, repo }) => {
    if (world.forbidden.has(`${user} ${action} ${repo}`))
      throw new Problem('forbidden', { user, action: `${action} ${repo}` })
    return {}
  })
  bus.answer('registry.get_node', async ({ repo, node }) => record(world, repo, node))
  bus.answer('registry.list_nodes', async () =>
    [...world.servers].map((id) => {
      const [owner, name, node = ''] = id.split('/')
      return record(world, `${owner}/${name}`, node)
    }),
  )
  bus.answer('registry.list_variables', async () => [])
  bus.answer('shazam.plan', (input, { signal }) => world.plan(input, signal))
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

export async function makeClient(folder: string, user: string, world: Pick<World, 'keys'>): Promise<Client> {
  const home = await mkdtemp(join(folder, `client-${user}-`))
  const key = join(home, 'key')
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const [type, base64] = (await readFile(`${key}.pub`, 'utf8')).split(' ')
  world.keys.set(`${type} ${base64}`, user)
  return new Client(home, {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: home,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: user,
    GIT_AUTHOR_EMAIL: `${user}@example.com`,
    GIT_COMMITTER_NAME: user,
    GIT_COMMITTER_EMAIL: `${user}@example.com`,
    GIT_SSH_COMMAND: sshCommand(home),
  })
}

const sshCommand = (home: string) =>
  [
    'ssh -F /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new',
    `-o UserKnownHostsFile=${home}/known_hosts -i ${home}/key`,
  ].join(' ')

export const sshUrl = (fixture: Fixture, repo = 'ann/infra') =>
  `ssh://git@127.0.0.1:${fixture.ssh.port}/${repo}.git`

/** A work tree of a user, whose origin is ann/infra over SSH. */
export async function open(fixture: Fixture, user = 'ann'): Promise<Work> {
  const client = await fixture.client(user)
  const work = await client.tree()
  await work.must('remote', 'add', 'origin', sshUrl(fixture))
  return work
}

export const pushes = (fixture: Fixture): EventData<'repo.pushed'>[] =>
  fixture.events.flatMap((event) =>
    event.pattern === 'repo.pushed' ? [event.data as EventData<'repo.pushed'>] : [],
  )

/** A refused push leaves neither objects nor a quarantine, and the repository is whole. */
export async function assertNothingLeft(fixture: Fixture): Promise<void> {
  const names = await readdir(join(fixture.bare, 'objects'))
  assert.deepEqual(
    names.filter((name) => !['info', 'pack'].includes(name)),
    [],
  )
  assert.deepEqual(await readdir(join(fixture.bare, 'objects/pack')), [])
  await assertWhole(fixture)
}

export async function assertWhole(fixture: Fixture): Promise<void> {
  const fsck = await execute('git', ['--git-dir', fixture.bare, 'fsck', '--full', '--strict'], {
    cwd: fixture.folder,
  })
  assert.equal(fsck.code, 0, fsck.said)
}
