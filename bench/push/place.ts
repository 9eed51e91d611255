import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { Service } from '#contracts/descriptors.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { openSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { git } from '#services/git/index.ts'
import { profiles } from '#services/profiles/index.ts'
import { registry } from '#services/registry/index.ts'
import { shazam } from '#services/shazam/index.ts'
import type { Shazam } from '#services/shazam/shazam.ts'
import { createWishes } from '#services/shazam/wishes.ts'
import { openSqlite } from '#store/sqlite.ts'

export interface Place extends AsyncDisposable {
  bus: Bus
  catalog: Service[]
  url: string
  /** The same repository over HTTP, with a token in it. */
  httpUrl: string
  /** File of ann's SSH key. */
  key: string
}

const repo = 'ann/shop'

/** Everything that has a say in a push, and nothing that would act on it: no server is made. */
export async function openPlace(folder: string, catalog: Service[]): Promise<Place> {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(openSqlite(join(folder, 'store.sqlite')))
  const clock = systemClock
  const bus = stack.use(await embeddedBus({ store, clock, log: silentLog, source: 'bench' }))
  const parts = { bus, store, clock, log: silentLog }
  const seal = openSeal(join(folder, 'master.key'))
  stack.use(await startService(profiles, parts, { seal }))
  stack.use(await startService(registry, parts, { catalog, seal }))
  stack.use(await startService(shazam, parts, { catalog, plane: 'bench' }))
  const at = { host: '127.0.0.1', port: 0 }
  const ports = { ssh: 0, http: 0 }
  const onListen = ({ ssh, http }: Record<'ssh' | 'http', { port: number }>) => {
    ports.ssh = ssh.port
    ports.http = http.port
  }
  stack.use(await startService(git, parts, { folder, catalog, ssh: at, http: at, onListen }))
  const key = join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  await bus.ask('profiles.create_user', { name: 'ann' })
  await bus.ask('profiles.add_key', { user: 'ann', key: readFileSync(`${key}.pub`, 'utf8') })
  const { token } = await bus.ask('profiles.create_token', { user: 'ann', title: 'bench' })
  await bus.ask('git.create_repository', { repo, by: 'ann' })
  const undo = stack.move()
  return {
    bus,
    catalog,
    url: `ssh://git@127.0.0.1:${ports.ssh}/${repo}.git`,
    httpUrl: `http://ann:${token}@127.0.0.1:${ports.http}/${repo}.git`,
    key,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

/** Records each node as made and in sync, as its first sync would have. */
export async function settle({ bus, catalog }: Place): Promise<void> {
  const infrastructure = await bus.ask('git.infrastructure', { repo })
  const { commit } = infrastructure
  const wishes = await createWishes({ bus, catalog } as unknown as Shazam)(infrastructure, {})
  for (const node of infrastructure.nodes) {
    const { manifest } = await wishes(node)
    await bus.ask('registry.record_node', {
      repo,
      node: node.id,
      server: {
        provider: 'docker',
        id: node.id,
        host: '192.0.2.1',
        port: 22,
        user: 'devops',
        host_keys: [],
        made_from: node.provider,
      },
      facts: { os: 'Debian 12', pub_key: 'ssh-ed25519 AAAA' },
      applied: { commit, at: Date.now(), work: 'w', manifest: manifest as Record<string, unknown>[] },
    })
  }
}
