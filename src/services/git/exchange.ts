import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Admission, Caller, Program } from './access.ts'
import type { Verdict } from './hooks.ts'
import type { Limits } from './limits.ts'
import { finish, start } from './process.ts'
import { type ReceiveParts, receive } from './receive.ts'

export interface Exchange extends Omit<Admission, 'caller'> {
  /** Absent when it is made here: then who asked for it has recorded it. */
  caller?: Caller
  program: Program
  /** Options of the program: `--stateless-rpc`. */
  args?: string[]
  /** `GIT_PROTOCOL`, checked. */
  protocol?: string
  stdin: Readable
  /** Neither is ended: the exit status has to follow. */
  stdout: Writable
  stderr?: Writable
  /** Judges again who pushes, by what they entered with; by their name alone when absent. Throws a refusal. */
  stillMay?(): Promise<unknown>
  /** Hears how a push was judged, before its refs move. */
  onVerdict?(verdict: Verdict): void
  /** What must be on record when an accepted push moves its refs; when it cannot be, they do not. */
  beforeMove?(): Promise<void>
}

/** Lets one git process speak with one client. Gives its exit status; 128 when it was killed. */
export type RunExchange = (exchange: Exchange, signal: AbortSignal) => Promise<number>

export function createExchange(parts: ReceiveParts & { limits: Limits }): RunExchange {
  const receiving = new Map<string, number>()

  async function receiveAndSweep(exchange: Exchange, signal: AbortSignal): Promise<number> {
    receiving.set(exchange.at, (receiving.get(exchange.at) ?? 0) + 1)
    try {
      return await receive(parts, exchange, signal)
    } finally {
      const left = (receiving.get(exchange.at) ?? 1) - 1
      receiving.set(exchange.at, left)
      if (left === 0) {
        receiving.delete(exchange.at)
        await sweepQuarantine(exchange.at)
      }
    }
  }

  return async (exchange, signal) => {
    const late = new AbortController()
    const undo = parts.clock.after(parts.limits.time, () => late.abort())
    const both = AbortSignal.any([signal, late.signal])
    try {
      if (exchange.program === 'receive-pack') return await receiveAndSweep(exchange, both)
      return await finish(parts.clock, start(parts.git, exchange, 0), both)
    } finally {
      undo()
    }
  }
}

/**
 * Removes what a killed git left of its quarantine. Only while nothing is received; looks synchronously, so that a push
 * which starts during the removal is not in the list.
 */
export async function sweepQuarantine(at: string): Promise<void> {
  const objects = join(at, 'objects')
  for (const name of readdirSync(objects))
    if (/^(tmp_objdir-)?incoming-/.test(name)) await rm(join(objects, name), { recursive: true, force: true })
}
