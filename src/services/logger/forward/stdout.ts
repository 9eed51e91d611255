import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Sink } from './sink.ts'

/** A JSON object a line, on the platform's stdout. */
export const stdoutSink = (out: Writable = process.stdout): Sink => ({
  name: 'stdout',
  async send(lines, signal) {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    if (!out.write(text)) await once(out, 'drain', { signal })
  },
  async [Symbol.asyncDispose]() {},
})
