import type { Clock } from '#kit/clock.ts'
import type { Outbound } from '#kit/outbound.ts'
import { type Address, type Outcome, probe } from './probe.ts'

export interface WatchOptions {
  /** Milliseconds between two probes of a node. */
  interval: number
  /** Milliseconds until a probe counts as failed. */
  timeout: number
  /** Probes at the same time. */
  concurrency: number
  outbound: Outbound
}

export interface Watched extends Address {
  key: string
}

interface Entry {
  node: Watched
  undo: () => void
}

/**
 * Probes each node every interval, one at a time each, so many in all, and hands over what came out. The first probe
 * falls anywhere in the interval and the others stray by a tenth, so that many nodes are not probed in one moment.
 */
export class Watch {
  readonly #clock: Clock
  readonly #options: WatchOptions
  readonly #report: (node: Watched, outcome: Outcome) => Promise<void>
  readonly #entries = new Map<string, Entry>()
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #due: Entry[] = []

  constructor(
    clock: Clock,
    options: WatchOptions,
    report: (node: Watched, outcome: Outcome) => Promise<void>,
  ) {
    this.#clock = clock
    this.#options = options
    this.#report = report
  }

  /** Starts to probe a node, or follows it to its new address. */
  follow(node: Watched): void {
    const known = this.#entries.get(node.key)
    if (known?.node.host === node.host && known.node.port === node.port) return
    this.forget(node.key)
    const entry: Entry = { node, undo: () => {} }
    this.#entries.set(node.key, entry)
    this.#schedule(entry, Math.random() * this.#options.interval)
  }

  forget(key: string): void {
    this.#entries.get(key)?.undo()
    this.#entries.delete(key)
  }

  get keys(): string[] {
    return [...this.#entries.keys()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    for (const key of this.keys) this.forget(key)
    this.#due.length = 0
    await Promise.all(this.#running)
  }

  #schedule(entry: Entry, ms: number): void {
    if (this.#stopping.signal.aborted) return
    entry.undo = this.#clock.after(Math.round(ms), () => {
      this.#due.push(entry)
      this.#next()
    })
  }

  #next(): void {
    while (this.#running.size < this.#options.concurrency) {
      const entry = this.#due.shift()
      if (!entry) return
      if (!this.#follows(entry)) continue
      const running = this.#probe(entry).finally(() => {
        this.#running.delete(running)
        this.#next()
      })
      this.#running.add(running)
    }
  }

  async #probe(entry: Entry): Promise<void> {
    const { interval, timeout, outbound } = this.#options
    const outcome = await probe(entry.node, this.#clock, timeout, this.#stopping.signal, outbound)
    if (!this.#follows(entry)) return
    await this.#report(entry.node, outcome)
    if (this.#follows(entry)) this.#schedule(entry, interval * (0.9 + 0.2 * Math.random()))
  }

  /** False when the node was forgotten, or is followed at another address. */
  #follows(entry: Entry): boolean {
    return this.#entries.get(entry.node.key) === entry
  }
}
