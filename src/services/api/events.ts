import type { BusEvent } from '#bus'
import type { Message } from './sse.ts'

const KEPT = 1000

interface Kept {
  id: string
  type: string
  time: number
  data: Record<string, unknown>
}

/** The latest events of each repository, and who waits for more. */
export interface EventLog {
  /** Ignores an event that it has: the bus may deliver twice. */
  add(event: BusEvent): void
  /**
   * Events after the one with id `after`, then each as it comes. When `after` is not held any more, the stream says
   * `gap` first. Yields a comment when `ms` pass in silence.
   */
  follow(repo: string, after: string | undefined, signal: AbortSignal, quiet: Quiet): AsyncIterable<Message>
}

/** Calls back after a while of silence; returns its undo. */
export type Quiet = (act: () => void) => () => void

export function createEventLog(kept = KEPT): EventLog {
  const rings = new Map<string, { first: number; events: Kept[] }>()
  const waiting = new Map<string, Set<() => void>>()

  const ringOf = (repo: string) => {
    const ring = rings.get(repo) ?? { first: 0, events: [] }
    rings.set(repo, ring)
    return ring
  }

  const wake = (repo: string) => {
    for (const go of waiting.get(repo) ?? []) go()
  }

  return {
    add(event) {
      const data = shown(event)
      if (typeof data.repo !== 'string') return
      const ring = ringOf(data.repo)
      if (ring.events.some(({ id }) => id === event.id)) return
      ring.events.push({ id: event.id, type: event.type, time: event.time, data })
      if (ring.events.length > kept) {
        ring.events.shift()
        ring.first++
      }
      wake(data.repo)
    },

    async *follow(repo, after, signal, quiet) {
      const ring = ringOf(repo)
      const found = ring.events.findIndex(({ id }) => id === after)
      let position = ring.first + (after === undefined ? ring.events.length : found + 1)
      if (after !== undefined && found < 0) yield gap(after)
      while (!signal.aborted) {
        if (position < ring.first) {
          yield gap(undefined)
          position = ring.first
        }
        const event = ring.events[position - ring.first]
        if (event) {
          position++
          yield {
            id: event.id,
            event: event.type,
            data: { type: event.type, time: event.time, ...event.data },
          }
        } else if (!(await change(repo, signal, quiet))) yield {}
      }
    },
  }

  /** True when an event came; false after a while of silence, or when the signal aborts. */
  function change(repo: string, signal: AbortSignal, quiet: Quiet): Promise<boolean> {
    return new Promise((resolve) => {
      const set = waiting.get(repo) ?? new Set()
      waiting.set(repo, set)
      const done = (came: boolean) => {
        undo()
        set.delete(came1)
        if (set.size === 0) waiting.delete(repo)
        signal.removeEventListener('abort', stop)
        resolve(came)
      }
      const came1 = () => done(true)
      const stop = () => done(false)
      const undo = quiet(stop)
      set.add(came1)
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
    })
  }
}

const gap = (after: string | undefined): Message => ({
  event: 'gap',
  data: {
    message: 'Events before this one are not held any more; look at the present state.',
    after: after ?? null,
  },
})

/** Output of a step is for those who may read logs: the stream of events is for all who may read the repository. */
function shown(event: BusEvent): Record<string, unknown> {
  const { stdout: _stdout, outputs: _outputs, ...data } = event.data as Record<string, unknown>
  return data
}
