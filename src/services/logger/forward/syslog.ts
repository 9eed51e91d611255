import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import type { Line } from '#contracts/logger.ts'
import { printable } from '#kit/printable.ts'
import type { Sink } from './sink.ts'

/** RFC 5424 §6.2.1; facility 16 (local0). */
const severities = { debug: 7, info: 6, warn: 4, error: 3 } as const
const FACILITY = 16
const PATIENCE = 30_000

/** RFC 5424 messages with octet counting, by TCP (RFC 6587) or TLS (RFC 5425). Syslog acknowledges nothing: what was in flight when a connection broke may be lost. */
export function syslogSink(url: URL): Sink {
  const tls = url.protocol === 'tls:'
  const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (tls ? 6514 : 601)) }
  let socket: Socket | undefined

  async function open(signal: AbortSignal): Promise<Socket> {
    if (socket && !socket.destroyed && socket.writable) return socket
    const made = tls ? connectTls({ ...target, servername: target.host }) : connect(target)
    // Whoever writes next sees it; without a listener it would end the process.
    made.on('error', () => {})
    made.resume()
    try {
      await once(made, tls ? 'secureConnect' : 'connect', {
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
      })
    } catch (error) {
      made.destroy()
      throw error
    }
    socket = made
    return made
  }

  return {
    name: `syslog=${url}`,
    async send(lines, signal) {
      const to = await open(signal)
      await new Promise<void>((done, fail) =>
        to.write(lines.map(frameOf).join(''), (error) => (error ? fail(error) : done())),
      )
    },
    async [Symbol.asyncDispose]() {
      socket?.destroy()
    },
  }
}

function frameOf(line: Line): string {
  const message = messageOf(line)
  return `${Buffer.byteLength(message)} ${message}`
}

export function messageOf({ at, level, repo, node, service, task, work, step, stream, text }: Line): string {
  const pri = FACILITY * 8 + severities[level]
  const data = Object.entries({
    repo,
    node,
    task,
    work,
    step: step === undefined ? undefined : step + 1,
    stream,
  })
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}="${escaped(String(value))}"`]))
    .join(' ')
  const app = (service ?? 'devo.ps').replace(/[^!-~]/g, '').slice(0, 48) || '-'
  return `<${pri}>1 ${new Date(at).toISOString()} ${node ?? hostname()} ${app} - - [devops@32473 ${data}] ${printable(text)}`
}

const escaped = (value: string): string => value.replace(/["\\\]]/g, '\\$&')
