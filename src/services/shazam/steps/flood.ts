import type { Feed } from '../feed.ts'

export interface Flood {
  /** Whether there is still room for a line of the step. */
  takes(text: string): boolean
  /** The step is over: says what was left out. */
  end(): void
}

const MEGABYTE = 1024 * 1024

/**
 * Holds a step to so many MiB of log. What is beyond is left out, counted and said, at once and at the end. The step itself
 * goes on: its outcome does not hang on its talk.
 */
export function floodGate(feed: Pick<Feed, 'line'>, megabytes: number): Flood {
  let room = megabytes * MEGABYTE
  const left = { lines: 0, bytes: 0 }
  return {
    takes(text) {
      const bytes = Buffer.byteLength(text) + 1
      room -= bytes
      if (room >= 0) return true
      if (left.lines === 0)
        feed.line(
          'platform',
          `this step has printed more than ${megabytes} MiB: the rest is left out (setting step_log_megabytes)`,
          'warn',
        )
      left.lines++
      left.bytes += bytes
      return false
    },
    end() {
      if (left.lines === 0) return
      const size = (left.bytes / MEGABYTE).toFixed(1)
      feed.line('platform', `${left.lines} lines (${size} MiB) of this step were left out`, 'warn')
    },
  }
}
