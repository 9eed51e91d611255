import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { createPerson, type Person, request } from './person.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const own = resolve(import.meta.dirname, '../bin/devops.ts')
const setClock = resolve(import.meta.dirname, 'set-clock.ts')
/** Beside the data folder: its disk may be full. */
const clockOf = (data: string) => join(tmpdir(), `${basename(data)}.clock`)

/** A whole platform in a process of its own, as a user runs it, with an empty data folder. */
export interface Plane extends AsyncDisposable {
  data: string
  url: string
  ssh: { host: string; port: number }
  adminToken: string
  /** By `SIGKILL` when absent, as when the machine loses its power but not its disk; resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** `SIGTERM`, as an operator stops it; resolves when the process is gone. */
  terminate(): Promise<void>
  /** Starts it again on the same data and ports. */
  restart(): Promise<void>
  /** A user with an SSH key, a token and a folder for clones. */
  person(name: string): Promise<Person>
  /** Sets its wall clock so many milliseconds ahead of the machine's, as people do while it runs. */
  setClock(ahead: number): void
  /** Of the process that runs now. */
  pid(): number
  /** Requests to the API as the first administrator. */
  admin(): Person['api']
  /** What the process printed. */
  output(): string
}

/** `more`: further options of `devops server`. `within`: where the data folder is made. `settable`: with a wall clock that `setClock` sets. */
export async function startPlane(
  more: readonly string[] = [],
  within = tmpdir(),
  settable = false,
): Promise<Plane> {
  return openPlane(mkdtempSync(join(within, 'devops-plane-')), { more, settable })
}

interface OpenOptions {
  more?: readonly string[]
  settable?: boolean
  /** That of another version; of this checkout when absent. */
  program?: string
  /** At the end the folder stays, and the servers. */
  keep?: boolean
}

/** A platform on a data folder that is there, and goes at the end with the servers that were made. */
export async function openPlane(data: string, options: OpenOptions = {}): Promise<Plane> {
  await using stack = new AsyncDisposableStack()
  if (!options.keep) stack.defer(() => rmSync(data, { recursive: true, force: true }))
  stack.defer(() => rmSync(clockOf(data), { force: true }))
  const start = { more: [], settable: false, program: own, ...options, data }
  let server = await launch(start, { api: 0, ssh: 0, git: 0 })
  if (!options.keep) stack.defer(() => removeServers(data))
  stack.defer(() => end(server.child, 'SIGTERM'))
  const adminToken = readFileSync(join(data, 'admin.token'), 'utf8').trim()
  const undo = stack.move()
  const plane: Plane = {
    data,
    url: `http://127.0.0.1:${server.ports.api}`,
    ssh: { host: '127.0.0.1', port: server.ports.ssh },
    adminToken,
    kill: (signal = 'SIGKILL') => end(server.child, signal),
    terminate: () => end(server.child, 'SIGTERM'),
    async restart() {
      const before = server.output()
      server = await relaunch(start, server.ports, before)
    },
    person: (name) => createPerson(plane, name),
    setClock: (ahead) => writeFileSync(clockOf(data), String(ahead)),
    pid: () => server.child.pid ?? 0,
    admin: () => request(plane.url, adminToken),
    output: () => server.output(),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
  return plane
}

interface Ports {
  api: number
  ssh: number
  git: number
}

interface Start {
  data: string
  more: readonly string[]
  settable: boolean
  program: string
}

interface Server {
  child: ChildProcess
  ports: Ports
  output(): string
}

async function launch({ data, more, settable, program }: Start, ports: Ports, before = ''): Promise<Server> {
  const args = [
    'server',
    '--data',
    data,
    '--port',
    ports.api,
    '--ssh-port',
    ports.ssh,
    '--git-port',
    ports.git,
    ...more,
  ]
  const child = spawn(
    process.execPath,
    [
      ...(settable ? ['--import', setClock] : []),
      program,
      ...args.map(String),
      '--token-file',
      join(data, 'admin.token'),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SET_CLOCK: clockOf(data), DEVOPS_LOG: process.env.DEVOPS_LOG ?? 'warn' },
    },
  )
  let output = before
  const listening = new Promise<void>((done, fail) => {
    const take = (chunk: Buffer) => {
      output += chunk
      if (/^Git over HTTP /m.test(output.slice(before.length))) done()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('exit', (code, signal) =>
      fail(new Error(`the platform ended (${code ?? signal}):\n${output}`)),
    )
  })
  await listening
  const port = (label: string) =>
    Number(new RegExp(`^${label}.*?:(\\d+)/`, 'm').exec(output.slice(before.length))?.[1])
  return {
    child,
    ports: { api: port('API'), ssh: port('Git over SSH'), git: port('Git over HTTP') },
    output: () => output,
  }
}

/** The ports are of those that the system hands out: for a moment a connection of somebody else may hold one. */
async function relaunch(start: Start, ports: Ports, before: string): Promise<Server> {
  const started = await until(() =>
    launch(start, ports, before).catch((error: Error) =>
      error.message.slice(before.length).includes('EADDRINUSE') ? undefined : error,
    ),
  )
  if (started instanceof Error) throw started
  return started
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill(signal)
  await gone
}

/** Takes away the containers and networks of this platform, and only those. */
export async function removeServers(data: string): Promise<void> {
  const plane = readFileSync(join(data, 'plane'), 'utf8').trim()
  // Where there is no Docker there are no servers.
  if (
    await run('docker', ['version']).then(
      () => false,
      () => true,
    )
  )
    return
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=ps.devo.plane=${plane}`])
  const ids = stdout.split('\n').filter(Boolean)
  if (ids.length > 0) await run('docker', ['rm', '-fv', ...ids])
  const networks = await run('docker', ['network', 'ls', '-q', '--filter', `label=ps.devo.plane=${plane}`])
  const left = networks.stdout.split('\n').filter(Boolean)
  if (left.length > 0) await run('docker', ['network', 'rm', ...left])
}
