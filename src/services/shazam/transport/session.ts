import type { Readable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { Problem } from '#kit/problem.ts'
import type { ExecOptions, ExecResult } from './connection.ts'

/** What one command may print when nobody streams it. */
const COLLECT_LIMIT = 64 * 1024 * 1024

/** The server refused one more session: `MaxSessions` of its sshd. */
export class SessionRefused extends Error {}

/**
 * Runs a command in a session of its own, or in one that waits for it already. `cut` makes the error for a link that ends
 * before the command does.
 */
export async function runOnChannel(
  client: Client,
  command: string,
  options: ExecOptions,
  cut: () => Problem,
  waiting?: Opened,
): Promise<ExecResult> {
  if (options.signal?.aborted) throw cancelled(command)
  const { channel, ended } = waiting ?? (await openChannel(client, command, cut))
  const end = options.leave ? () => {} : () => terminate(client, channel)
  const watch = watchAbort(end, command, options.signal)
  try {
    // A command may end without reading its input.
    channel.on('error', () => {})
    const work = Promise.all([
      drain(channel, options.onStdout),
      drain(channel.stderr, options.onStderr),
      ended,
      feed(channel, options.stdin),
    ])
    const [stdout, stderr, exit] = await Promise.race([work, watch.aborted])
    if (!exit.seen) throw cut()
    return { code: exit.code, stdout, stderr }
  } catch (error) {
    channel.close()
    throw error
  } finally {
    watch.stop()
  }
}

async function feed(channel: ClientChannel, stdin: ExecOptions['stdin'] = ''): Promise<void> {
  channel.end(stdin instanceof Promise ? await stdin : stdin)
}

/** Ends the command when the signal aborts; the server says nothing more about it, so nothing is waited for. */
function watchAbort(end: () => void, command: string, signal?: AbortSignal) {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  const abort = () => {
    end()
    reject(cancelled(command))
  }
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  return { aborted, stop: () => signal?.removeEventListener('abort', abort) }
}

/** `channel.signal` is silent once the input has ended, which it has: so the message is sent by hand. */
function terminate(client: Client, channel: ClientChannel): void {
  type Inner = { _protocol?: { signal(id: number, name: string): void } }
  const { id } = (channel as unknown as { outgoing: { id: number } }).outgoing
  ;(client as unknown as Inner)._protocol?.signal(id, 'TERM')
}

const cancelled = (command: string) => new Problem('cancelled', { call: command.slice(0, 60) })

export interface Opened {
  channel: ClientChannel
  ended: Promise<{ seen: boolean; code: number | null }>
}

export function openChannel(client: Client, command: string, cut: () => Problem): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(cut())
    client.once('close', lost)
    const done = (error: (Error & { reason?: unknown }) | undefined, channel: ClientChannel) => {
      client.off('close', lost)
      // The exit of a short command can come in the same packet, so it is listened for right here.
      if (!error) return resolve({ channel, ended: endOf(channel) })
      reject(error.reason === undefined ? cut() : new SessionRefused(error.message, { cause: error }))
    }
    try {
      client.exec(command, done)
    } catch {
      client.off('close', lost)
      reject(cut())
    }
  })
}

function endOf(channel: ClientChannel): Opened['ended'] {
  let seen = false
  let code: number | null = null
  channel.on('exit', (status: number | null) => {
    seen = true
    code = status
  })
  return new Promise((resolve) => channel.once('close', () => resolve({ seen, code })))
}

/** By events: an async iterator would destroy the channel at the end of its output, before the exit status came. */
function drain(stream: Readable, take?: (chunk: Buffer) => void | Promise<void>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  let busy: Promise<void> | undefined
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      if (!take) {
        size += chunk.length
        if (size > COLLECT_LIMIT)
          reject(new Problem('internal', { reason: 'a command printed more than 64 MiB' }))
        else chunks.push(chunk)
        return
      }
      const taken = take(chunk)
      if (!taken) return
      busy = taken
      stream.pause()
      taken.then(() => stream.resume(), reject)
    })
    stream.once('end', async () => {
      // The last chunk may still be on its way through the callback, whose failure is reported above.
      await busy?.catch(() => {})
      resolve(Buffer.concat(chunks).toString())
    })
  })
}
