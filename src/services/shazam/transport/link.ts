import { connect as connectSocket, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Client, type ConnectConfig } from 'ssh2'
import type { Clock } from '#kit/clock.ts'
import type { Outbound } from '#kit/outbound.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Secret } from '#kit/secret.ts'
import { algorithms, fingerprint } from '#kit/ssh-algorithms.ts'
import { hostOf } from '#language/filters.ts'
import type { ExecOptions, ExecResult, Target } from './connection.ts'
import { unreachable } from './reasons.ts'
import { runOnChannel, SessionRefused } from './session.ts'
import { keepSpare } from './spare.ts'

export interface Login {
  privateKey?: Secret
  password?: Secret
  /** Accepted fingerprints. Empty: whatever is shown is accepted and reported in `Link.hostKey`. */
  hostKeys: readonly string[]
}

/** One SSH connection. */
export interface Link {
  /** Fingerprint of the key that the server showed. */
  readonly hostKey: string
  /** Where it was met; undefined over another server. */
  readonly address: string | undefined
  readonly dead: boolean
  exec(command: string, options?: ExecOptions): Promise<ExecResult>
  /** A stream to somebody whom the server can reach. Throws `unreachable` in the name of `to`. */
  forward(to: Target): Promise<Duplex>
  close(): void
}

export interface OpenOptions {
  clock: Clock
  /** Milliseconds for TCP, key exchange and login together. */
  timeout: number
  outbound: Outbound
  /** Milliseconds of silence after which the server is asked for a sign of life; 15,000 when absent. */
  keepalive?: number
  onDead?(): void
  /** The way there, when it leads over another server; a connection of our own when absent. */
  way?: Duplex
}

const KEEPALIVE = 15_000
/** So many signs of life that do not come, and the link is lost. */
const UNANSWERED = 3

/** Enters a server. The host key is checked before anything of ours is shown to it. */
export async function openLink(target: Target, login: Login, options: OpenOptions): Promise<Link> {
  const { host, port } = target
  const { lookup } = options.outbound
  if (!options.way) options.outbound.judge(host)
  const client = new Client()
  const socket = options.way ?? connectSocket({ host, port, noDelay: true, lookup })
  const seen = { key: '' }
  try {
    await handshake(client, socket, target, login, options, seen)
  } catch (error) {
    client.on('error', () => {})
    client.destroy()
    socket.destroy()
    throw error
  }
  const address = options.way ? undefined : (socket as Socket).remoteAddress
  return keepLink(client, target, { hostKey: seen.key, address }, options)
}

function handshake(
  client: Client,
  socket: Duplex,
  target: Target,
  login: Login,
  options: OpenOptions,
  seen: { key: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const undo = options.clock.after(options.timeout, () => fail({ code: 'ETIMEDOUT' }))
    const fail = (error: unknown) => {
      undo()
      // What the lookup refused is said as it is.
      reject(isProblem(error) ? error : (refusedKey(target, login, seen.key) ?? unreachable(target, error)))
    }
    socket.once('error', fail)
    client.on('error', fail)
    client.once('close', () => fail({ message: 'the server closed the connection during the login' }))
    client.once('ready', () => {
      undo()
      resolve()
    })
    client.connect(configuration(socket, target, login, options, seen))
  })
}

function configuration(
  socket: Duplex,
  target: Target,
  login: Login,
  { keepalive = KEEPALIVE }: OpenOptions,
  seen: { key: string },
): ConnectConfig {
  return {
    sock: socket as Socket,
    username: target.user,
    privateKey: login.privateKey?.reveal(),
    password: login.password?.reveal(),
    algorithms,
    agentForward: false,
    readyTimeout: 0,
    keepaliveInterval: keepalive,
    keepaliveCountMax: UNANSWERED,
    hostVerifier: (key: Buffer) => {
      seen.key = fingerprint(key)
      return accepts(login, seen.key)
    },
  }
}

const accepts = (login: Login, key: string) => login.hostKeys.length === 0 || login.hostKeys.includes(key)

function refusedKey(target: Target, login: Login, shown: string): Problem | undefined {
  if (!shown || accepts(login, shown)) return undefined
  const reason = `${hostOf(target.host)}:${target.port} shows ${shown}, pinned is ${login.hostKeys.join(' or ')}`
  return new Problem('host_key', { node: target.node, reason, shown })
}

function keepLink(
  client: Client,
  target: Target,
  met: Pick<Link, 'hostKey' | 'address'>,
  options: OpenOptions,
): Link {
  let dead = false
  let cause: unknown
  client.on('error', (error) => {
    cause = error
  })
  const die = () => {
    if (dead) return
    dead = true
    options.onDead?.()
  }
  client.once('close', die)
  const cut = () => {
    // A session may hear of the cut before the connection does: nobody else shall be sent this way.
    die()
    client.destroy()
    return unreachable(target, cause ?? { message: 'the connection was cut' })
  }
  const spare = keepSpare(client, () => unreachable(target, cause))
  return {
    ...met,
    get dead() {
      return dead
    },
    async exec(command, execOptions = {}) {
      const waiting = execOptions.warm ? spare.take(command) : undefined
      try {
        const result = await runOnChannel(client, command, execOptions, cut, waiting)
        if (execOptions.warm && !dead) spare.keep(command)
        return result
      } catch (error) {
        if (error instanceof SessionRefused) spare.giveUp()
        throw error
      }
    },
    forward: (to) =>
      new Promise((resolve, reject) => {
        const undo = options.clock.after(options.timeout, () =>
          reject(unreachable(to, { code: 'ETIMEDOUT' })),
        )
        client.forwardOut('127.0.0.1', 0, to.host, to.port, (error, channel) => {
          undo()
          if (!error) return resolve(channel)
          reject(unreachable(to, { message: `${target.host} finds no way there: ${error.message}` }))
        })
      }),
    close() {
      client.end()
      client.destroy()
    },
  }
}
