import { type AddressInfo, createServer, type Socket } from 'node:net'
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2'
import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import { watchAccess } from '#kit/access-watch.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Admit } from './access.ts'
import { inert } from './answer.ts'
import { parseCommand } from './command.ts'
import type { RunExchange } from './exchange.ts'
import type { Running } from './running.ts'

export interface Address {
  host: string
  port: number
}

interface Parts {
  bus: Bus
  clock: Clock
  log: Log
  admit: Admit
  run: RunExchange
  running: Running
}

/** Milliseconds until a client must have proved who it is. */
const LOGIN_TIME = 30_000
const ATTEMPTS = 20
const CONNECTIONS = 200
const SESSIONS = 10

/**
 * Git over SSH. Public keys only; three git programs only. Environment, terminals, agents and forwarding have no
 * handler or one that refuses: ssh2 refuses what nobody listens for.
 */
export async function listenSsh(
  parts: Parts,
  hostKey: string,
  where: Address,
): Promise<{ address: Address; close(): Promise<void> }> {
  const ssh = new ssh2.Server({ hostKeys: [hostKey], ident: 'devo.ps' }, (client, { ip }) => {
    client.on('error', (error) => parts.log.debug({ err: error }, 'an SSH client went away'))
    welcome(parts, client, ip)
  })
  // The sockets are ours, so that stopping does not wait for clients that stay.
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    ssh.injectSocket(socket)
  })
  server.maxConnections = CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where.port, where.host, () => resolve())
  })
  server.on('error', (error: Error) => parts.log.error({ err: error }, 'the SSH server has trouble'))
  const { port } = server.address() as AddressInfo
  return {
    address: { host: where.host, port },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function welcome(parts: Parts, client: Connection, from: string): void {
  let enter: Enter | undefined
  let attempts = 0
  let sessions = 0
  const tooLate = parts.clock.after(LOGIN_TIME, () => client.end())
  client.on('close', tooLate)
  client.on('authentication', async (context) => {
    if (++attempts > ATTEMPTS) return client.end()
    enter = await authenticate(parts, context)
    if (enter || isProbe(context)) context.accept()
    else context.reject(['publickey'])
  })
  client.on('ready', tooLate)
  client.on('session', (accept, reject) => {
    if (!enter || ++sessions > SESSIONS) return reject()
    serveSession(parts, enter, accept() as unknown as Session, from)
  })
}

/** A client that asks whether a key is worth a signature is always told so: nobody learns which keys are known. */
const isProbe = (context: AuthContext): boolean =>
  context.method === 'publickey' && !context.signature && parseKey(context.key.data) !== undefined

/** Who the key of this connection belongs to, now: it may be taken from the profile while the connection stays. */
type Enter = () => Promise<Identity>

async function authenticate({ bus, log }: Parts, context: AuthContext): Promise<Enter | undefined> {
  if (context.method !== 'publickey' || !context.signature || !context.blob) return undefined
  const key = parseKey(context.key.data)
  // DSA, and RSA signed with SHA-1 (no hash named), prove nothing any more.
  if (key?.type === 'ssh-dss' || (key?.type === 'ssh-rsa' && !context.hashAlgo)) return undefined
  if (key?.verify(context.blob, context.signature, context.hashAlgo) !== true) return undefined
  const line = `${key.type} ${context.key.data.toString('base64')}`
  const enter = () => bus.ask('profiles.authenticate', { kind: 'key', key: line })
  try {
    await enter()
    return enter
  } catch (error) {
    if (!isProblem(error, 'unauthenticated')) log.warn({ err: error }, 'a key could not be looked up')
    return undefined
  }
}

function parseKey(data: Buffer) {
  const key = ssh2.utils.parseKey(data)
  return key instanceof Error || Array.isArray(key) ? undefined : key
}

function serveSession(parts: Parts, enter: Enter, session: Session, from: string): void {
  session.on('shell', (accept) => {
    const channel = accept()
    greet(
      parts,
      enter,
      channel,
      'You are signed in to devo.ps, but there is no shell here: use git, or devops ssh NODE.',
    )
  })
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept()
    const wish = parseCommand(command)
    if (!wish)
      return greet(
        parts,
        enter,
        channel,
        'There is no shell here: only git clone, fetch, push and archive of OWNER/REPOSITORY.',
      )
    parts.running
      .track((stopping) => serveGit(parts, { enter, from }, wish, channel, stopping))
      .catch((error) => {
        const problem = Problem.of(error)
        if (problem.code === 'internal')
          parts.log.error({ err: error, repo: wish.repo }, 'git could not be served')
        say(channel, refusalOf(problem))
      })
  })
}

const refusalOf = (problem: Problem) => `devo.ps: ${inert(problem.message)}. ${problem.next}`

function greet(parts: Parts, enter: Enter, channel: ServerChannel, line: string): void {
  parts.running
    .track(enter)
    .then(({ user }) => say(channel, `Hi ${user}! ${line}`))
    .catch((error) => say(channel, refusalOf(Problem.of(error))))
}

async function serveGit(
  { admit, run, clock }: Parts,
  { enter, from }: { enter: Enter; from: string },
  { program, repo }: NonNullable<ReturnType<typeof parseCommand>>,
  channel: ServerChannel,
  stopping: AbortSignal,
): Promise<void> {
  const left = new AbortController()
  channel.on('close', () => left.abort())
  channel.on('error', () => left.abort())
  const admitNow = async () => admit({ identity: await enter(), door: 'ssh', from }, repo, program)
  const admission = await admitNow()
  const unwatch = watchAccess(clock, admitNow, (problem) => {
    channel.stderr.write(`${refusalOf(problem)}\n`)
    left.abort()
  })
  try {
    const stdio = { stdin: channel, stdout: channel, stderr: channel.stderr }
    const exit = await run(
      { ...admission, program, stillMay: admitNow, ...stdio },
      AbortSignal.any([left.signal, stopping]),
    )
    finish(channel, exit)
  } finally {
    unwatch()
  }
}

function say(channel: ServerChannel, line: string): void {
  channel.stderr.write(`${line}\n`, () => finish(channel, 1))
}

/** What was written goes out first. */
function finish(channel: ServerChannel, exit: number): void {
  if (channel.destroyed) return
  channel.exit(exit)
  channel.end()
}
