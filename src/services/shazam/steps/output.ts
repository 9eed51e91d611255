import { StringDecoder } from 'node:string_decoder'
import { createMask } from '#kit/mask/index.ts'
import type { Feed } from '../feed.ts'
import { LineSplitter } from '../lines.ts'
import { floodGate } from './flood.ts'
import type { Sizes } from './shell.ts'

/** What the event of a step tells of its stdout. */
const TAIL = 64 * 1024

export interface StepOutput {
  take(stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void>
  /** Bytes seen so far: from there a new link goes on. */
  readonly seen: Sizes
  /** The end of stdout, as text. */
  tail(): string
  end(): void
}

/**
 * Bytes of a step, cut into lines for the logger. The first `logged` lines of each stream are left out: the process that
 * was here before has logged them, and the same bytes give the same lines. Secrets are hidden before anything is kept;
 * beyond `megabytes` (MiB) lines are left out and counted.
 */
export function stepOutput(
  feed: Feed,
  logged: { stdout: number; stderr: number },
  secrets: readonly string[],
  megabytes = Number.POSITIVE_INFINITY,
): StepOutput {
  const seen: Sizes = { out: 0, err: 0 }
  const skip = { ...logged }
  const flood = floodGate(feed, megabytes)
  const tail: Buffer[] = []
  let held = 0
  const splitter = (stream: 'stdout' | 'stderr') =>
    new LineSplitter((text) => {
      // Counted before all else: a process that takes the step up again comes to the same end.
      if (!flood.takes(text)) return
      if (skip[stream] > 0) skip[stream]--
      else feed.line(stream, text)
    })
  const splitters = { stdout: splitter('stdout'), stderr: splitter('stderr') }
  const veils = { stdout: veil(secrets), stderr: veil(secrets) }

  function show(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (stream === 'stdout') keep(chunk)
    splitters[stream].push(chunk)
  }

  function keep(chunk: Buffer): void {
    tail.push(chunk)
    held += chunk.length
    while (held - (tail[0]?.length ?? 0) >= TAIL) held -= tail.shift()?.length ?? 0
  }

  return {
    seen,
    async take(stream, chunk) {
      seen[stream === 'stdout' ? 'out' : 'err'] += chunk.length
      show(stream, veils[stream].take(chunk))
      await feed.room()
    },
    tail: () => Buffer.concat(tail).subarray(-TAIL).toString(),
    end() {
      for (const stream of ['stdout', 'stderr'] as const) {
        show(stream, veils[stream].end())
        splitters[stream].end()
      }
      flood.end()
    },
  }
}

/** Bytes without secrets. What may be the start of one is held back until it is known. */
function veil(secrets: readonly string[]): { take(chunk: Buffer): Buffer; end(): Buffer } {
  if (secrets.length === 0) return { take: (chunk) => chunk, end: () => Buffer.alloc(0) }
  const mask = createMask(secrets)
  const decoder = new StringDecoder()
  return {
    take: (chunk) => Buffer.from(mask(decoder.write(chunk))),
    end: () => Buffer.from(mask(decoder.end()) + mask.end()),
  }
}
