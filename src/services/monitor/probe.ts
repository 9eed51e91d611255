import { connect } from 'node:net'
import type { Clock } from '#kit/clock.ts'
import type { Outbound } from '#kit/outbound.ts'
import { isProblem } from '#kit/problem.ts'

/** `latency`: milliseconds until the banner; `reason`: why there was none. */
export type Outcome = { latency: number } | { reason: string }

export interface Address {
  host: string
  port: number
}

/** A server may say other things before its banner (RFC 4253 §4.2), but not for ever. */
const LONGEST = 8192

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'the connection is refused: nothing listens there',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ECONNRESET: 'the connection was reset',
  ETIMEDOUT: 'the connection timed out',
}

/** Connects and waits for `SSH-`; never throws. An abort counts as no banner. */
export function probe(
  { host, port }: Address,
  clock: Clock,
  timeout: number,
  signal: AbortSignal,
  outbound: Outbound,
): Promise<Outcome> {
  try {
    outbound.judge(host)
  } catch (error) {
    if (isProblem(error, 'invalid')) return Promise.resolve({ reason: String(error.data.reason) })
    throw error
  }
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const began = clock.steady()
  const socket = connect({ host, port, lookup: outbound.lookup })
  const undo = clock.after(timeout, () => fail(`no SSH banner within ${timeout / 1000} s`))
  const stop = () => fail('the monitor stops')
  let said = ''
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    said += text
    if (/^SSH-/m.test(said)) settle({ latency: clock.steady() - began })
    else if (said.length > LONGEST) fail('what listens there is no SSH server')
  })
  socket.on('end', () => fail('the connection was closed before an SSH banner came'))
  socket.on('error', (error: NodeJS.ErrnoException) => fail(REASONS[error.code ?? ''] ?? error.message))
  return promise

  function fail(reason: string): void {
    settle({ reason: `${host} port ${port}: ${reason}` })
  }

  function settle(outcome: Outcome): void {
    undo()
    signal.removeEventListener('abort', stop)
    socket.destroy()
    resolve(outcome)
  }
}
