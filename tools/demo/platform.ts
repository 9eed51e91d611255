import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cache, root } from '../setup/index.ts'

/** All that the demo leaves is in here. */
export const folder = join(cache, 'demo')
export const serverUrl = 'http://127.0.0.1:7780'
export const sshPort = 7722
const pidFile = join(folder, 'server.pid')
const logFile = join(folder, 'server.log')
export const tokenFile = join(folder, 'admin.token')

/** The platform as a process of its own, so that it outlives the demo. Returns whether it had to be started. */
export async function startServer(): Promise<boolean> {
  if (runningPid() !== undefined) return false
  if (await answers()) throw new Error(`something else listens at ${serverUrl}: stop it, then try again`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const log = openSync(logFile, 'a', 0o600)
  const args = [
    join(root, 'bin/devops.ts'),
    'server',
    '--data',
    join(folder, 'data'),
    '--token-file',
    tokenFile,
  ]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] })
  child.unref()
  writeFileSync(pidFile, String(child.pid))
  for (let tries = 0; tries < 200; tries++) {
    if (await answers()) return true
    if (child.exitCode !== null) break
    await wait(100)
  }
  throw new Error(
    `the platform does not start; the end of its log:\n${readFileSync(logFile, 'utf8').slice(-2000)}`,
  )
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

async function answers(): Promise<boolean> {
  try {
    return (await fetch(`${serverUrl}/healthz`)).ok
  } catch {
    return false
  }
}
