import type { BusEvent } from '#bus'
import type { Message } from './sse.ts'

/** Events of one repository, and characters of all repositories together. */
const KEPT = 1000
const MOST = 16 * 1024 * 1024

interface Kept {
  id: string
  size: number
  type: string
  time: number
  data: Record<string, unknown>
}

interface Ring {
  /** Number of the first of `events`. */
  first: number
  events: Kept[]
  followers: number
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

export function createEventLog(kept = KEPT, most = MOST): EventLog {
  /** The one that something came to longest ago is first. */
  const rings = new Map<string, Ring>()
  let held = 0
  const waiting = new Map<string, Set<() => void>>()

  const ringOf = (repo: string) => {
    const ring = rings.get(repo) ?? { first: 0, events: [], followers: 0 }
    rings.set(repo, ring)
    return ring
  }

  const forget = (ring: Ring, count: number) => {
    for (const { size } of ring.events.splice(0, count)) held -= size
    ring.first += count
  }

  /** Whoever follows a repository keeps its ring, so that its numbers go on; what was in it may go. */
  const shrink = (latest: Ring) => {
    for (const [repo, ring] of rings) {
      if (held <= most) return
      forget(ring, ring === latest ? ring.events.length - 1 : ring.events.length)
      if (ring.events.length === 0 && ring.followers === 0) rings.delete(repo)
    }
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
      // Another repository of the same name may belong to somebody else.
      if (event.type === 'repo.created') forget(ring, ring.events.length)
      rings.delete(data.repo)
      rings.set(data.repo, ring)
      const size = JSON.stringify(data).length
      ring.events.push({ id: event.id, size, type: event.type, time: event.time, data })
      held += size
      if (ring.events.length > kept) forget(ring, 1)
      // The next one of this name is another repository.
      if (event.type === 'repo.deleted') forget(ring, ring.events.length - 1)
      shrink(ring)
      wake(data.repo)
    },

    async *follow(repo, after, signal, quiet) {
      const ring = ringOf(repo)
      ring.followers++
      try {
        yield* followRing(ring, repo, after, signal, quiet)
      } finally {
        ring.followers--
        if (ring.followers === 0 && ring.events.length === 0) rings.delete(repo)
      }
    },
  }

  async function* followRing(
    ring: Ring,
    repo: string,
    after: string | undefined,
    signal: AbortSignal,
    quiet: Quiet,
  ): AsyncGenerator<Message> {
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
  return typeof data.step === 'number' ? { ...data, step: data.step + 1 } : data
}
