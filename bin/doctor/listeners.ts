import { once } from 'node:events'
import { connect } from 'node:net'
import { hostOf } from '#language/filters.ts'
import { bad, type Check, good, warning } from './check.ts'

const TIME = 5000

/** From this machine itself: a platform that listens everywhere is asked on loopback. */
const reachable = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : /^(::|\[::\])$/.test(host) ? '::1' : host

/** Whether a platform that holds the folder does its work. */
export async function checkAnswer(host: string, port: number | undefined): Promise<Check[]> {
  if (port === undefined)
    return [
      warning(
        'platform',
        'it has not reported yet where it listens',
        'Wait until it has started; if it does not, see its log.',
      ),
    ]
  const address = `http://${hostOf(reachable(host))}:${port}/readyz`
  const answer = await fetch(address, { signal: AbortSignal.timeout(TIME) }).catch((error: Error) => error)
  if (answer instanceof Error) {
    const cause = (answer.cause as Error | undefined)?.message || answer.message
    return [
      bad(
        'platform',
        `${address} does not answer: ${cause}`,
        'See the log of the platform. If it hangs, end it and start it again: nothing that it acknowledged is lost.',
      ),
    ]
  }
  if (answer.ok) return [good('platform', `${address} takes changes and follows them`)]
  const { detail } = (await answer.json().catch(() => ({}))) as { detail?: string }
  return [
    bad(
      'platform',
      `${address} says ${answer.status}: ${detail ?? 'no reason'}`,
      'See "When the disk is full" in docs/operations.md.',
    ),
  ]
}

/** Whether the ports of a start are free. */
export async function checkPorts(host: string, ports: Record<string, number>): Promise<Check[]> {
  const at = reachable(host)
  const asked = Object.entries(ports).filter(([, port]) => port > 0)
  const taken: string[] = []
  for (const [name, port] of asked) if (await isTaken(at, port)) taken.push(`${port} (${name})`)
  if (taken.length === 0) return [good('ports', `${asked.map(([, port]) => port).join(', ')} are free`)]
  return [
    warning(
      'ports',
      `${taken.join(', ')} is taken by another program at ${at}: a start would fail`,
      'Stop that program, or name other ports: --port, --ssh-port, --git-port.',
    ),
  ]
}

async function isTaken(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, signal: AbortSignal.timeout(TIME) })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return false
    throw error
  } finally {
    socket.destroy()
  }
}
