import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { EngineRules } from '#language'
import { hostOf } from '#language/filters.ts'
import { openSink } from '#services/logger/forward/index.ts'
import type { SyslogOptions } from '#services/logger/syslog/listen.ts'
import { type Platform, startPlatform } from './platform.ts'
import { platformLog } from './platform-log.ts'
import { startFailure } from './start-failure.ts'

export interface ServeOptions {
  data?: string
  host?: string
  port?: number
  sshPort?: number
  gitPort?: number
  /** Where the first administrator's token goes, mode 0600, instead of the screen. */
  tokenFile?: string
  /** Host names by which browsers may reach the API, besides those of loopback. */
  allowedHosts?: string[]
  /** Addresses, networks and names of this machine or its link that may be nodes. */
  allowedAddresses?: string[]
  /** What nodes may ask of the Docker engine of this machine. */
  docker?: Partial<EngineRules>
  /** Where log lines go besides the store: `stdout`, `otlp=URL`, `syslog=URL`. */
  logOut?: string[]
  syslogHost?: string
  syslogPort?: number
  syslogTlsPort?: number
  /** PEM files. */
  syslogCert?: string
  syslogKey?: string
  /** Seconds. */
  monitorInterval?: number
}

export const defaultPorts = { api: 7780, ssh: 7722, git: 7781 }

/**
 * `devops server`: runs the platform until a signal; the second signal does not wait. Throws `conflict` when the data
 * folder, a port or an address cannot be used.
 */
export async function serve(options: ServeOptions, say: (text: string) => void): Promise<void> {
  await run(options, say).catch((error: unknown) => {
    throw startFailure(error)
  })
}

async function run(options: ServeOptions, say: (text: string) => void): Promise<void> {
  const { log, handOver } = platformLog(process.env.DEVOPS_LOG ?? 'info')
  using _faults = endAtFaults(log)
  const syslog = syslogOptions(options)
  await using platform = await startPlatform({
    data: options.data ?? defaultData(),
    host: options.host ?? '127.0.0.1',
    apiPort: options.port ?? defaultPorts.api,
    sshPort: options.sshPort ?? defaultPorts.ssh,
    httpGitPort: options.gitPort ?? defaultPorts.git,
    ...(options.allowedHosts && { allowedHosts: options.allowedHosts }),
    ...(options.allowedAddresses && { allowedAddresses: options.allowedAddresses }),
    ...(options.docker && { docker: options.docker }),
    ...(options.logOut && { sinks: options.logOut.map(openSink) }),
    ...(syslog && { syslog }),
    ...(options.syslogCert && { syslogCert: options.syslogCert }),
    ...(options.monitorInterval !== undefined && { monitorInterval: options.monitorInterval * 1000 }),
    onAdminToken: (token) => {
      if (options.tokenFile) writeFileSync(options.tokenFile, token, { mode: 0o600 })
    },
    onBroken: (error) =>
      end(
        log,
        error,
        'the disk did not keep what was written: the platform ends, and starts from what is there',
      ),
    log,
  })
  await using _lines = handOver(platform.bus, systemClock)
  introduce(platform, options, say)
  await signal()
  say('Stopping …')
}

/**
 * Ends the process at once, as a kill does and every start expects: what is in memory may say what the disk does not.
 */
function end(log: Log, error: unknown, text: string): never {
  log.error({ err: error }, text)
  process.exit(1)
}

/** An error that nobody handled has left something undone, and nobody knows what: said, and the end of the process. */
function endAtFaults(log: Log): Disposable {
  const thrown = (error: unknown) =>
    end(log, error, 'an error was thrown that nobody handles: the platform ends')
  const rejected = (error: unknown) =>
    end(log, error, 'a promise was rejected and nobody handles it: the platform ends')
  process.on('uncaughtException', thrown)
  process.on('unhandledRejection', rejected)
  return {
    [Symbol.dispose]() {
      process.off('uncaughtException', thrown)
      process.off('unhandledRejection', rejected)
    },
  }
}

function syslogOptions({ host, syslogHost, ...options }: ServeOptions): SyslogOptions | undefined {
  const { syslogPort, syslogTlsPort, syslogCert, syslogKey } = options
  if (syslogPort === undefined && syslogTlsPort === undefined) return undefined
  const pem = (file = '') => readFileSync(file, 'utf8')
  return {
    host: syslogHost ?? host ?? '127.0.0.1',
    ...(syslogPort !== undefined && { tcp: syslogPort, udp: syslogPort }),
    ...(syslogTlsPort !== undefined && {
      tls: { port: syslogTlsPort, cert: pem(syslogCert), key: pem(syslogKey) },
    }),
  }
}

export const defaultData = (): string =>
  process.env.DEVOPS_DATA ??
  (process.getuid?.() === 0
    ? '/var/lib/devops'
    : join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), 'devops'))

function introduce(platform: Platform, options: ServeOptions, say: (text: string) => void): void {
  const { api, ssh, http, hostKey } = platform.addresses
  say(`API and OpenAPI document  http://${hostOf(api.host)}:${api.port}/openapi.json`)
  say(`Git over SSH              ssh://git@${hostOf(ssh.host)}:${ssh.port}/OWNER/REPOSITORY.git`)
  say(`  its host key (ED25519)  ${hostKey}`)
  say(`Git over HTTP             http://${hostOf(http.host)}:${http.port}/OWNER/REPOSITORY.git`)
  for (const [kind, at] of Object.entries(platform.addresses.syslog ?? {}))
    say(`Syslog of nodes by ${kind.toUpperCase()}   port ${at}`)
  if (!platform.adminToken) return
  if (options.tokenFile) {
    say(`The administrator’s token is in ${options.tokenFile}`)
  } else {
    say('')
    say('The administrator’s token, shown until somebody has signed in with it:')
    say(`  devops login --server http://${hostOf(api.host)}:${api.port} --token ${platform.adminToken}`)
  }
}

function signal(): Promise<void> {
  return new Promise((done) => {
    const stop = () => {
      process.once('SIGINT', () => process.exit(130))
      process.once('SIGTERM', () => process.exit(143))
      done()
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
  })
}
