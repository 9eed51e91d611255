import { connect } from 'node:net'
import ssh2 from 'ssh2'
import type { Clock } from '#kit/clock.ts'
import type { Outbound } from '#kit/outbound.ts'
import { algorithms, fingerprint } from '#kit/ssh-algorithms.ts'
import type { Address } from './probe.ts'

interface Means {
  clock: Clock
  /** Milliseconds. */
  timeout: number
  signal: AbortSignal
  outbound: Outbound
}

/**
 * Why the server that answers at an address is not the one of these host keys; undefined: it has proved that it is. Goes
 * as far as that proof and shows nothing of ours. Without keys nothing is asked.
 */
export async function doubtOf(
  address: Address,
  hostKeys: readonly string[],
  means: Means,
): Promise<string | undefined> {
  if (hostKeys.length === 0) return undefined
  const { host, port } = address
  const shown = await shakeHands(address, means)
  if ('reason' in shown) return `${host} port ${port}: no SSH session can begin: ${shown.reason}`
  if (hostKeys.includes(shown.key)) return undefined
  return `${host} port ${port}: another machine answers there: it shows ${shown.key}, this node has ${hostKeys.join(' or ')}`
}

async function shakeHands(
  { host, port }: Address,
  { clock, timeout, signal, outbound }: Means,
): Promise<{ key: string } | { reason: string }> {
  const { promise, resolve } = Promise.withResolvers<{ key: string } | { reason: string }>()
  outbound.judge(host)
  const client = new ssh2.Client()
  const socket = connect({ host, port, noDelay: true, lookup: outbound.lookup })
  const stop = () => fail({ message: 'the monitor stops' })
  const undo = clock.after(timeout, () => fail({ message: `no answer within ${timeout / 1000} s` }))
  let key = ''
  const settle = (outcome: { key: string } | { reason: string }) => {
    undo()
    signal.removeEventListener('abort', stop)
    client.destroy()
    socket.destroy()
    resolve(outcome)
  }
  const fail = ({ message }: { message: string }) => settle({ reason: message })
  signal.addEventListener('abort', stop, { once: true })
  socket.on('error', fail)
  client.on('error', fail)
  client.on('close', () => fail({ message: 'the connection was closed' }))
  // Only then it has signed with its key.
  client.on('handshake', () => settle({ key }))
  client.connect({
    sock: socket,
    username: 'devops',
    algorithms,
    readyTimeout: 0,
    hostVerifier: (shown: Buffer) => {
      key = fingerprint(shown)
      return true
    },
  })
  return promise
}
