import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cache, root } from '../setup/index.ts'
import { shellWord } from '../shell-word.ts'

/** All that the demo leaves is in here. */
export const folder = join(cache, 'demo')
const portsFile = join(folder, 'ports.json')

export interface Ports {
  api: number
  ssh: number
  git: number
}

/** The usual ones where they are free, so that two clones can run their demos side by side. Kept for the next start. */
export async function ports(): Promise<Ports> {
  if (existsSync(portsFile)) return JSON.parse(readFileSync(portsFile, 'utf8')) as Ports
  const [api, ssh, git] = await Promise.all([7780, 7722, 7781].map(usualOrFree))
  const chosen = { api, ssh, git } as Ports
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(portsFile, JSON.stringify(chosen))
  return chosen
}

export const serverUrl = async () => `http://127.0.0.1:${(await ports()).api}`

async function usualOrFree(usual: number): Promise<number> {
  return (await portIfFree(usual)) ?? (await portIfFree(0)) ?? usual
}

async function portIfFree(port: number): Promise<number | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch {
    return undefined
  } finally {
    server.close()
  }
}

const pidFile = join(folder, 'server.pid')
const logFile = join(folder, 'server.log')
export const tokenFile = join(folder, 'admin.token')
/** There since a clone and a login name the ports. */
export const userToken = join(folder, 'demo.token')

/** How often other ports are tried when somebody takes those that were free a moment ago. */
const TRIES = 3

/** The platform as a process of its own, so that it outlives the demo. Returns whether it had to be started. */
export async function startServer(): Promise<boolean> {
  if (runningPid() !== undefined) return false
  for (let tries = 1; ; tries++) {
    const failure = await launch()
    if (failure === undefined) return true
    rmSync(pidFile, { force: true })
    if (tries === TRIES || !/EADDRINUSE|address already in use/.test(failure))
      throw new Error(`the platform does not start; the end of its log:\n${failure.slice(-2000)}`)
    // Data keep their ports, which clones and logins name; only a demo that has begun nothing yet moves.
    if (existsSync(userToken))
      throw new Error(
        `ports of the demo are taken by something else: stop it, or remove ${shellWord(portsFile)} for other ports, then try again`,
      )
    rmSync(portsFile, { force: true })
  }
}

/** Resolves to what the platform said when it did not start. */
async function launch(): Promise<string | undefined> {
  const { api, ssh, git } = await ports()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const log = openSync(logFile, 'a', 0o600)
  const before = readFileSync(logFile, 'utf8').length
  const args = [
    ...[join(root, 'bin/devops.ts'), 'server', '--data', join(folder, 'data'), '--token-file', tokenFile],
    ...['--port', String(api), '--ssh-port', String(ssh), '--git-port', String(git)],
  ]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] })
  child.unref()
  writeFileSync(pidFile, String(child.pid))
  const said = () => readFileSync(logFile, 'utf8').slice(before)
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    // Its own word, since another platform may answer at the same address.
    if (/^Git over HTTP /m.test(said())) return undefined
    await wait(100)
  }
  return said()
}

export async function stopServer(): Promise<boolean> {
  const pid = runningPid()
  if (pid === undefined) return false
  process.kill(pid, 'SIGTERM')
  for (let tries = 0; tries < 300 && runningPid() !== undefined; tries++) await wait(100)
  rmSync(pidFile, { force: true })
  return true
}

function runningPid(): number | undefined {
  if (!existsSync(pidFile)) return undefined
  const pid = Number(readFileSync(pidFile, 'utf8'))
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command.includes(join(folder, 'data')) ? pid : undefined
  } catch {
    return undefined
  }
}
