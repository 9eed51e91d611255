import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '#kit/log.ts'
import { type Platform, startPlatform } from './platform.ts'

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
}

export const defaultPorts = { api: 7780, ssh: 7722, git: 7781 }

/** `devops server`: runs the platform until a signal; the second signal does not wait. */
export async function serve(options: ServeOptions, say: (text: string) => void): Promise<void> {
  const log = createLog(process.env.DEVOPS_LOG ?? 'info')
  await using platform = await startPlatform({
    data: options.data ?? defaultData(),
    host: options.host ?? '127.0.0.1',
    apiPort: options.port ?? defaultPorts.api,
    sshPort: options.sshPort ?? defaultPorts.ssh,
    httpGitPort: options.gitPort ?? defaultPorts.git,
    ...(options.allowedHosts && { allowedHosts: options.allowedHosts }),
    log,
  })
  introduce(platform, options, say)
  await signal()
  say('Stopping …')
}

const defaultData = (): string =>
  process.env.DEVOPS_DATA ??
  (process.getuid?.() === 0
    ? '/var/lib/devops'
    : join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), 'devops'))

function introduce(platform: Platform, options: ServeOptions, say: (text: string) => void): void {
  const { api, ssh, http } = platform.addresses
  if (platform.adminToken && options.tokenFile)
    writeFileSync(options.tokenFile, platform.adminToken, { mode: 0o600 })
  say(`API and OpenAPI document  http://${api.host}:${api.port}/openapi.json`)
  say(`Git over SSH              ssh://git@${ssh.host}:${ssh.port}/OWNER/REPOSITORY.git`)
  say(`Git over HTTP             http://${http.host}:${http.port}/OWNER/REPOSITORY.git`)
  if (!platform.adminToken) return
  if (options.tokenFile) {
    say(`First start: the administrator’s token is in ${options.tokenFile}`)
  } else {
    say('')
    say('First start. The administrator’s token, shown this once:')
    say(`  devops login --server http://${api.host}:${api.port} --token ${platform.adminToken}`)
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
