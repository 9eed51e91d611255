import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import { systemClock } from '#kit/clock.ts'
import { watchClock } from '#kit/clock-watch.ts'
import { createLog, type Log } from '#kit/log.ts'
import { openOutbound } from '#kit/outbound.ts'
import { openSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { type EngineRules, engineRules, jsonSchemas, readCatalog } from '#language'
import { api } from '#services/api/index.ts'
import { git } from '#services/git/index.ts'
import type { Sink } from '#services/logger/forward/sink.ts'
import { logger } from '#services/logger/index.ts'
import type { SyslogOptions, SyslogPorts } from '#services/logger/syslog/listen.ts'
import { monitor } from '#services/monitor/index.ts'
import { profiles } from '#services/profiles/index.ts'
import { registry } from '#services/registry/index.ts'
import { shazam } from '#services/shazam/index.ts'
import { tasker } from '#services/tasker/index.ts'
import { openSqlite } from '#store/sqlite.ts'
import { catalogFolder } from './catalog.ts'
import { openDataFolder } from './data-folder.ts'
import { holdFolder } from './hold.ts'
import { createTroubles } from './troubles.ts'

export interface PlatformOptions {
  /** Everything that lasts: one SQLite file, repositories, keys. Made 0700 when it is not there, refused when it is open to others. */
  data: string
  /** Address of all listeners; loopback when absent. */
  host?: string
  /** 0: any free one. */
  apiPort?: number
  sshPort?: number
  httpGitPort?: number
  /** Host names by which browsers may reach the API, besides those of loopback. */
  allowedHosts?: string[]
  log?: Log
  /** Is given the first administrator's token before the API listens. */
  onAdminToken?: (token: string) => void
  /** Where log lines go besides the store. */
  sinks?: readonly Sink[]
  /** Takes syslog of nodes. */
  syslog?: SyslogOptions
  /** The file that its certificate was read from, for the doctor. */
  syslogCert?: string
  /** Milliseconds between two looks of monitor at a node. */
  monitorInterval?: number
  /** Hears once that the disk did not keep what was written: the process must end. */
  onBroken?: (error: Error) => void
  /** Addresses, networks and names of this machine or its link that may be nodes. */
  allowedAddresses?: readonly string[]
  /** What nodes may ask of the engine of this machine; what is absent has its safe default. */
  docker?: Partial<EngineRules>
}

export interface Platform extends AsyncDisposable {
  bus: Bus
  /** Where it really listens. */
  /** `hostKey`: fingerprint of the key that Git over SSH shows. */
  addresses: { api: Address; ssh: Address; http: Address; hostKey: string; syslog?: SyslogPorts }
  /** Set until somebody has used it: the first administrator's token. */
  adminToken?: string
}

export interface Address {
  host: string
  port: number
}

/** All eight services in one process: the embedded form. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  await using stack = new AsyncDisposableStack()
  openDataFolder(options.data)
  // Before the store is opened: what another platform has in hand is not touched.
  const hold = stack.use(holdFolder(options.data, 'devops server'))
  const log = options.log ?? createLog()
  const clock = systemClock
  let broken: Error | undefined
  const onBroken = (error: Error) => {
    broken = error
    options.onBroken?.(error)
  }
  const store = stack.use(openSqlite(join(options.data, 'devops.sqlite'), undefined, onBroken))
  stack.use(watchClock(clock, log))
  const bus = stack.use(await embeddedBus({ store, clock, log, source: 'devo.ps' }))
  const parts = { bus, store, clock, log }
  const catalog = readCatalog(catalogFolder)
  const seal = openSeal(join(options.data, 'master.key'))
  const outbound = openOutbound(options.allowedAddresses)
  const engine = engineRules(options.docker)
  const host = options.host ?? '127.0.0.1'
  const addresses: Partial<Platform['addresses']> = {}

  const { syslog, sinks = [] } = options
  const onSyslog = (ports: SyslogPorts) => {
    addresses.syslog = ports
  }
  stack.use(
    await startService(logger, parts, {
      sinks,
      ...(syslog && { syslog: { ...syslog, onListen: onSyslog } }),
    }),
  )
  // First the registry: it tells whether the master key is the one of this store.
  stack.use(await startService(registry, parts, { catalog, seal }))
  stack.use(await startService(profiles, parts, { seal }))
  // Before the API answers: whoever waits for that finds the token.
  const adminToken = await firstToken(bus)
  if (adminToken) options.onAdminToken?.(adminToken)
  stack.use(
    await startService(git, parts, {
      folder: options.data,
      catalog,
      engine,
      ssh: { host, port: options.sshPort ?? 0 },
      http: { host, port: options.httpGitPort ?? 0 },
      onListen: (found: Pick<Platform['addresses'], 'ssh' | 'http' | 'hostKey'>) =>
        Object.assign(addresses, found),
    }),
  )
  // After git: work that waited for a start begins at once, asks git, and has only so many tries.
  stack.use(await startService(shazam, parts, { catalog, plane: planeId(options.data), outbound, engine }))
  stack.use(await startService(tasker, parts, {}))
  stack.use(await startService(monitor, parts, { interval: options.monitorInterval, outbound }))
  stack.use(
    await startService(api, parts, {
      host,
      port: options.apiPort ?? 0,
      ...(options.allowedHosts && { allowedHosts: options.allowedHosts }),
      schemas: () => jsonSchemas(catalog, { open: true }),
      troubles: createTroubles({ folder: options.data, store, bus, broken: () => broken !== undefined }),
      onListen: (found: Address) => {
        addresses.api = found
      },
    }),
  )
  hold.tell(portsOf(addresses as Platform['addresses']), {
    host,
    allowedAddresses: options.allowedAddresses ?? [],
    docker: engine,
    ...(syslog && { syslog: heardBy(syslog, options.syslogCert) }),
  })
  const undo = stack.move()
  return {
    bus,
    addresses: addresses as Platform['addresses'],
    ...(adminToken && { adminToken }),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

const heardBy = ({ host, tcp, udp }: SyslogOptions, cert: string | undefined) => ({
  host,
  plain: tcp !== undefined || udp !== undefined,
  ...(cert !== undefined && { cert }),
})

const portsOf = ({ api, ssh, http, syslog }: Platform['addresses']): Record<string, number> => ({
  api: api.port,
  ssh: ssh.port,
  git: http.port,
  ...Object.fromEntries(Object.entries(syslog ?? {}).map(([kind, port]) => [`syslog ${kind}`, port])),
})

/** Tells the servers of this platform from those of another on the same provider. */
function planeId(data: string): string {
  const file = join(data, 'plane')
  if (!existsSync(file)) writeFileSync(file, randomBytes(6).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

const FIRST = { user: 'admin', title: 'first start' }

/**
 * At the first start somebody must be let in: an administrator, by a token that is shown. As long as nobody has used it,
 * each start shows another in its place: a start that was cut before it was seen locks nobody out.
 */
async function firstToken(bus: Bus): Promise<string | undefined> {
  const { user, title } = FIRST
  const users = await bus.ask('profiles.list_users', {})
  if (users.length === 0) await bus.ask('profiles.create_user', { name: user, admin: true })
  else if (!users.some(({ name }) => name === user)) return undefined
  const former = await bus.ask('profiles.list_tokens', { user })
  const unused = former.every((one) => one.title === title && one.used_at === null)
  if (users.length > 0 && (former.length === 0 || !unused)) return undefined
  const { token } = await bus.ask('profiles.create_token', { user, title })
  // After the new one is there: a cut in between leaves one too many, never none.
  for (const { id } of former) await bus.ask('profiles.revoke_token', { user, id })
  return token
}
