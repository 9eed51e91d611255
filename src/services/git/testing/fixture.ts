import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus, BusEvent } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { EventData } from '#contracts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { type FakeClock, fakeClock } from '#testing/clock.ts'
import { failOnScans } from '#testing/scans.ts'
import { type GitOptions, git } from '../index.ts'
import { type Client, execute, makeClient, type Work } from './client.ts'
import { answerFor, emptyWorld, type World } from './world.ts'

failOnScans()

const patterns = ['repo.pushed', 'repo.created', 'repo.deleted', 'repo.settings_changed'] as const
type GitEvent = BusEvent<(typeof patterns)[number]>

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

export const node = (id: string, size = 'small') =>
  `id: ${id}\nname: ${id}\ntype: server\nprovider:\n  name: docker\n  size: ${size}\n`

export const task = (id: string, target: string, run = 'uptime') =>
  `id: ${id}\ntype: task\ntargets: [${target}]\ntriggers:\n  webhooks:\n    - path: ${id}\nsteps:\n  - run: ${run}\n`

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
  bus.on('test', patterns, async (event) => void events.push(event))

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
