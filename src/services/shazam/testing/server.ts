import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Connection } from '../transport/connection.ts'

const flags = [
  '--cap-add=SYS_ADMIN',
  '--cap-add=NET_ADMIN',
  '--security-opt=seccomp=unconfined',
  '--security-opt=apparmor=unconfined',
  '--tmpfs=/run',
  '--tmpfs=/tmp',
  '--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro',
  '--cgroupns=host',
]

export interface TestServer extends AsyncDisposable {
  connection: Connection & {
    /** Remote executions so far. */
    trips: number
    /** Bytes that were sent to them: commands and their input. */
    sent: number
  }
  /** Runs a shell line as root and returns its output. */
  sh(line: string): string
  /** Kills the client of the running command, as a lost link does. */
  cut(): void
}

export interface ServerOptions {
  image?: string
  /** Without systemd it is there at once, for what needs no units. */
  systemd?: boolean
  /** A folder that is on the disk itself, and not on the layers of an image. */
  volume?: string
  /** A network of the engine, by name. */
  network?: string
  /** A device of this machine that it may use. */
  device?: string
}

/** Before systemd listens the question fails at once, however long it would wait for the answer. */
const booted = `for i in $(seq 600); do
  case $(systemctl is-system-running --wait 2>/dev/null) in running | degraded) exit ;; esac
  sleep 0.1
done
systemctl is-system-running`

/** A real server for tests: a container, entered by `docker exec`. */
export async function startServer({
  image = 'devops-node:12',
  systemd = true,
  volume,
  device,
  network,
}: ServerOptions = {}): Promise<TestServer> {
  const name = `devops-engine-${randomBytes(4).toString('hex')}`
  execFileSync(
    'docker',
    [
      ...['run', '--detach', '--name', name, ...flags],
      ...(volume ? [`--volume=${volume}`] : []),
      ...(device ? [`--device=${device}`] : []),
      ...(network ? [`--network=${network}`] : []),
      ...[image, ...(systemd ? [] : ['sleep', 'infinity'])],
    ],
    { stdio: 'pipe' },
  )
  const sh = (line: string) =>
    execFileSync('docker', ['exec', name, 'sh', '-c', line], { encoding: 'utf8', stdio: 'pipe' })
  const remove = () => execFileSync('docker', ['rm', '--force', '--volumes', name], { stdio: 'pipe' })
  try {
    if (systemd) sh(booted)
  } catch (error) {
    remove()
    throw error
  }
  let running: ReturnType<typeof spawn> | undefined
  const connection: TestServer['connection'] = {
    trips: 0,
    sent: 0,
    target: { node: 'web', host: name, port: 22, user: 'root' },
    exec(command, { stdin = '', onStdout, onStderr } = {}) {
      connection.trips++
      void Promise.resolve(stdin).then((input) => {
        connection.sent += Buffer.byteLength(command) + Buffer.byteLength(input)
        child.stdin.end(input)
      })
      const { promise, resolve, reject } = Promise.withResolvers<{
        code: number | null
        stdout: string
        stderr: string
      }>()
      const child = spawn('docker', ['exec', '--interactive', name, 'sh', '-c', command])
      running = child
      const texts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
      child.stdout.on('data', (chunk: Buffer) => (onStdout ? onStdout(chunk) : texts.stdout.push(chunk)))
      child.stderr.on('data', (chunk: Buffer) => (onStderr ? onStderr(chunk) : texts.stderr.push(chunk)))
      child.stdin.on('error', () => {})
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (signal) reject(new Error('the link was lost'))
        else
          resolve({
            code,
            stdout: Buffer.concat(texts.stdout).toString(),
            stderr: Buffer.concat(texts.stderr).toString(),
          })
      })
      return promise
    },
  }
  return {
    connection,
    sh,
    cut: () => void running?.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      remove()
    },
  }
}
