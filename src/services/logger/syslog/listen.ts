import { createSocket } from 'node:dgram'
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Log } from '#kit/log.ts'
import { Frames } from './frames.ts'
import type { Intake } from './intake.ts'
import { plainAddress } from './senders.ts'

export interface SyslogOptions {
  /** Address to listen at; must be one that the nodes reach. */
  host: string
  /** RFC 6587: octet counting, or lines. 0: any free port. */
  tcp?: number
  /** RFC 5426. */
  udp?: number
  /** RFC 5425. `cert` and `key` in PEM. */
  tls?: { port: number; cert: string; key: string }
  onListen?(ports: SyslogPorts): void
}

export interface SyslogPorts {
  tcp?: number
  udp?: number
  tls?: number
}

/** Connections at the same time; milliseconds that one may be silent. */
const CONNECTIONS = 2000
const SILENT = 60 * 60_000

export async function listenSyslog(
  options: SyslogOptions,
  intake: Intake,
  log: Log,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const ports: SyslogPorts = {}
  const { host, tcp, udp, tls } = options
  const serve = (socket: Socket) => void receive(socket, intake, log)
  if (tcp !== undefined) ports.tcp = await open(stack, createServer(serve), host, tcp)
  if (tls) {
    const { cert, key } = tls
    ports.tls = await open(
      stack,
      createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, serve),
      host,
      tls.port,
    )
  }
  if (udp !== undefined) ports.udp = await openUdp(stack, intake, host, udp)
  options.onListen?.(ports)
  return stack.move()
}

async function open(
  stack: AsyncDisposableStack,
  server: Server,
  host: string,
  port: number,
): Promise<number> {
  server.maxConnections = CONNECTIONS
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(port, host, done))
  stack.defer(async () => {
    const closed = new Promise((done) => server.close(done))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** Reads no more than is taken: a node that floods is held back by TCP. */
async function receive(socket: Socket, intake: Intake, log: Log): Promise<void> {
  const address = plainAddress(socket.remoteAddress ?? '')
  const frames = new Frames()
  socket.setTimeout(SILENT, () => socket.destroy())
  try {
    for await (const chunk of socket)
      for (const message of frames.push(chunk as Buffer)) await intake.take(address, message)
  } catch (error) {
    log.debug({ err: error, address }, 'a syslog stream broke off')
    socket.destroy()
  }
}

async function openUdp(
  stack: AsyncDisposableStack,
  intake: Intake,
  host: string,
  port: number,
): Promise<number> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 })
  socket.on('message', (message, { address }) => intake.offer(plainAddress(address), message.toString()))
  await new Promise<void>((done, fail) => socket.once('error', fail).bind(port, host, done))
  // Of a single datagram: the next one may do better.
  socket.on('error', () => {})
  stack.defer(() => new Promise<void>((done) => socket.close(() => done())))
  return socket.address().port
}
