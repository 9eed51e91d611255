import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { asRoot, cache, output, run, succeeds } from './shell.ts'

const pidFile = resolve(cache, 'dockerd.pid')

export const dockerAnswers = (): boolean => succeeds('docker', 'version', '--format', '{{.Server.Version}}')

/**
 * Starts the Docker engine: by systemd where it runs, else by hand (containers, small machines). Throws, and starts no
 * second engine, where one runs that this user may not use.
 */
export async function startDocker(): Promise<void> {
  refuseForeignEngine()
  if (existsSync('/run/systemd/system')) await run(asRoot(['systemctl', 'start', 'docker']))
  else startDockerd()
  for (let tries = 0; tries < 300; tries++) {
    if (dockerAnswers()) return
    await wait(100)
  }
  refuseForeignEngine()
  throw new Error('the Docker engine does not answer; see .cache/dockerd.log')
}

function refuseForeignEngine(): void {
  if (process.getuid?.() === 0) return
  const { stderr } = spawnSync('docker', ['version'], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (!/permission denied/i.test(stderr ?? '') && !succeeds('sudo', '-n', 'docker', 'version')) return
  throw new Error(
    'Docker runs, but this user may not use it: `sudo usermod -aG docker "$USER"`, log in again (or `newgrp docker`), then try again.',
  )
}

function startDockerd(): void {
  mkdirSync(cache, { recursive: true })
  const log = openSync(resolve(cache, 'dockerd.log'), 'a')
  const [command, ...args] = asRoot(['dockerd']) as [string, ...string[]]
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] })
  child.unref()
  writeFileSync(pidFile, String(child.pid))
}

/** Ends the engine that `startDocker` started by hand, and only that one; not while containers of others run on it. */
export async function stopOwnDocker(): Promise<void> {
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8'))
  if (isDockerd(pid) && output('docker', 'ps', '-q') !== '') {
    console.error('The Docker engine goes on running: there are containers on it.')
    return
  }
  rmSync(pidFile)
  if (!isDockerd(pid)) return
  process.kill(pid, 'SIGTERM')
  for (let tries = 0; tries < 200 && isDockerd(pid); tries++) await wait(100)
}

function isDockerd(pid: number): boolean {
  return output('ps', '-o', 'comm=', '-p', String(pid)).includes('dockerd')
}
