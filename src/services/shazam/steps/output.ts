import type { Feed } from '../feed.ts'
import { LineSplitter } from '../lines.ts'
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
 * was here before has logged them, and the same bytes give the same lines.
 */
export function stepOutput(feed: Feed, logged: { stdout: number; stderr: number }): StepOutput {
  const seen: Sizes = { out: 0, err: 0 }
  const skip = { ...logged }
  const tail: Buffer[] = []
  let held = 0
  const splitter = (stream: 'stdout' | 'stderr') =>
    new LineSplitter((text) => {
      if (skip[stream] > 0) skip[stream]--
      else feed.line(stream, text)
    })
  const splitters = { stdout: splitter('stdout'), stderr: splitter('stderr') }

  function keep(chunk: Buffer): void {
    tail.push(chunk)
    held += chunk.length
    while (held - (tail[0]?.length ?? 0) >= TAIL) held -= tail.shift()?.length ?? 0
  }

  return {
    seen,
    async take(stream, chunk) {
      if (stream === 'stdout') keep(chunk)
      seen[stream === 'stdout' ? 'out' : 'err'] += chunk.length
      splitters[stream].push(chunk)
      await feed.room()
    },
    tail: () => Buffer.concat(tail).subarray(-TAIL).toString(),
    end() {
      splitters.stdout.end()
      splitters.stderr.end()
    },
  }
}
