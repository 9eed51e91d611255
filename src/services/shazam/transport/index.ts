import type { Duplex } from 'node:stream'
import { type Clock, sleep } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { type Outbound, openOutbound } from '#kit/outbound.ts'
import { Problem } from '#kit/problem.ts'
import type { Secret } from '#kit/secret.ts'
import type { Connection, ExecOptions, ExecResult, Target } from './connection.ts'
import { openGate } from './gate.ts'
import { type Link, openLink } from './link.ts'
import { type NodeLinks, nodeLinks } from './node-links.ts'
import { notEntered } from './reasons.ts'

export interface TransportOptions {
  clock: Clock
  log: Log
  /** Milliseconds without a command after which a link is closed; 5 minutes when absent. */
  idle?: number
  /** Milliseconds for connecting, key exchange and login; 15,000 when absent. */
  timeout?: number
  /** See OpenOptions. */
  keepalive?: number
  /** Handshakes at the same time: they are what costs a core. 16 when absent. */
  handshakes?: number
  /** Where nodes may be; nowhere on this machine nor its link when absent. */
  outbound?: Outbound
}

export interface Address extends Target {
  repo: string
  /** Accepted `SHA256:…`; empty: the key shown is pinned through `pin`. */
  hostKeys: readonly string[]
  /** Asked for only when a link is opened. */
  privateKey(): Promise<Secret>
  /** A server over which the way leads, asked for only when a link is opened. */
  jump?(): Promise<Address>
  /** Records the key that was shown at first contact; the first command waits for it. */
  pin?(hostKey: string): Promise<void>
}

export interface Transport extends AsyncDisposable {
  /** Costs nothing: a link is opened by the first command, and shared by everybody with the same address. */
  connection(address: Address): Connection
  /** A stream to somebody over a server that we can enter. */
  forward(over: Address, to: Target): Promise<Duplex>
  /** Closes the links of a node, for instance because its server is no more. */
  close(repo: string, node: string): void
  /** Links that are open or being opened. */
  readonly links: number
}

interface Entry {
  address: Address
  links: NodeLinks
  cancelIdle?: () => void
}

const IDLE = 5 * 60_000
const TIMEOUT = 15_000
const HANDSHAKES = 16

export function openTransport(options: TransportOptions): Transport {
  const { clock, log, idle = IDLE, timeout = TIMEOUT, outbound = openOutbound() } = options
  const keeping = options.keepalive === undefined ? {} : { keepalive: options.keepalive }
  const handshakes = openGate(options.handshakes ?? HANDSHAKES)
  const entries = new Map<string, Entry>()
  let open = 0
  let closed = false

  async function enter(entry: Entry, onDead: () => void): Promise<Link> {
    const { address } = entry
    open++
    let counted = true
    const gone = () => {
      if (counted) open--
      counted = false
      onDead()
    }
    try {
      const privateKey = await address.privateKey()
      // Before the gate: the server over which the way leads has to get through it too.
      const way = address.jump && (await forward(await address.jump(), address))
      const login = { privateKey, hostKeys: address.hostKeys }
      const link = await handshakes.run(() =>
        openLink(address, login, { clock, timeout, outbound, onDead: gone, ...keeping, ...(way && { way }) }),
      )
      await pinned(entry, link).catch((error: unknown) => {
        link.close()
        throw error
      })
      log.debug({ node: address.node, host: address.host }, 'node entered')
      return link
    } catch (error) {
      gone()
      throw notEntered(error)
    }
  }

  function forward(over: Address, to: Target): Promise<Duplex> {
    const entry = entryOf(over)
    entry.cancelIdle?.()
    return entry.links.forward(to)
  }

  async function freshly(entry: Entry, command: string, execOptions: ExecOptions): Promise<ExecResult> {
    const link = await enter(entry, () => {})
    try {
      return await link.exec(command, execOptions)
    } finally {
      link.close()
    }
  }

  /** From here on only the key that was seen first is accepted, whether or not recording it succeeded. */
  async function pinned(entry: Entry, link: Link): Promise<void> {
    if (entry.address.hostKeys.length > 0) return
    entry.address = { ...entry.address, hostKeys: [link.hostKey] }
    await entry.address.pin?.(link.hostKey)
  }

  function entryOf(address: Address): Entry {
    const key = JSON.stringify([address.repo, address.node, address.host, address.port, address.user])
    const known = entries.get(key)
    if (known) {
      if (address.hostKeys.length > 0) known.address = address
      return known
    }
    const entry: Entry = {
      address,
      links: nodeLinks(
        (onDead) => enter(entry, onDead),
        () => {
          // What ends because it was closed leaves no timer.
          if (entries.get(key) === entry) entry.cancelIdle = clock.after(idle, () => forget(key, entry))
        },
        () => sleep(clock, 20),
      ),
    }
    entries.set(key, entry)
    return entry
  }

  function forget(key: string, entry: Entry) {
    if (entries.get(key) === entry) entries.delete(key)
    entry.cancelIdle?.()
    entry.links.close()
  }

  return {
    connection({ repo, ...rest }) {
      const address = { repo, ...rest }
      const { node, host, port, user } = address
      return {
        target: { node, host, port, user },
        async exec(command, execOptions): Promise<ExecResult> {
          if (closed) throw new Problem('cancelled', { call: 'the command' })
          const entry = entryOf(address)
          if (execOptions?.fresh) return await freshly(entry, command, execOptions)
          entry.cancelIdle?.()
          return await entry.links.exec(command, execOptions)
        },
      }
    },
    forward,
    close(repo, node) {
      for (const [key, entry] of entries)
        if (entry.address.repo === repo && entry.address.node === node) forget(key, entry)
    },
    get links() {
      return open
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const [key, entry] of entries) forget(key, entry)
    },
  }
}
