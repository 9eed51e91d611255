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
  /** Why who answers there is somebody else than the node; rejects when that cannot be told now. */
  doubt(node: Watched, signal: AbortSignal): Promise<string | undefined>
}

export interface Watched extends Address {
  key: string
}

interface Entry {
  node: Watched
  /** It has answered ever since it proved who it is. */
  known: boolean
  undo: () => void
}

/**
 * Probes each node every interval, one at a time each, so many in all, and hands over what came out. The first probe
 * falls anywhere in the interval and the others stray by a tenth, so that many nodes are not probed in one moment.
 * An address may be given to another machine: who answers must prove to be the node at first, after each time that it did
 * not answer, and always where two nodes are said to be at one address.
 */
export class Watch {
  readonly #clock: Clock
  readonly #options: WatchOptions
  readonly #report: (node: Watched, outcome: Outcome) => Promise<void>
  readonly #entries = new Map<string, Entry>()
  /** How many nodes are said to be there. */
  readonly #addresses = new Map<string, number>()
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
    const entry: Entry = { node, known: false, undo: () => {} }
    this.#entries.set(node.key, entry)
    this.#countAt(node, 1)
    this.#schedule(entry, Math.random() * this.#options.interval)
  }

  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.undo()
    this.#entries.delete(key)
    this.#countAt(entry.node, -1)
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
    const { interval } = this.#options
    const outcome = await this.#look(entry)
    if (!this.#follows(entry)) return
    if (outcome) await this.#report(entry.node, outcome)
    if (this.#follows(entry)) this.#schedule(entry, interval * (0.9 + 0.2 * Math.random()))
  }

  async #look(entry: Entry): Promise<Outcome | undefined> {
    const { timeout, outbound, doubt } = this.#options
    const { signal } = this.#stopping
    const outcome = await probe(entry.node, this.#clock, timeout, signal, outbound)
    const sure = entry.known && this.#addresses.get(addressOf(entry.node)) === 1
    if ('reason' in outcome) entry.known = false
    if ('reason' in outcome || sure) return outcome
    try {
      const reason = await doubt(entry.node, signal)
      entry.known = reason === undefined
      return reason === undefined ? outcome : { reason }
    } catch {
      // Who answers may be anybody: nothing is said of the node until it can be asked, the next time.
      entry.known = false
      return undefined
    }
  }

  #countAt(node: Watched, by: number): void {
    const address = addressOf(node)
    const count = (this.#addresses.get(address) ?? 0) + by
    if (count > 0) this.#addresses.set(address, count)
    else this.#addresses.delete(address)
  }

  /** False when the node was forgotten, or is followed at another address. */
  #follows(entry: Entry): boolean {
    return this.#entries.get(entry.node.key) === entry
  }
}

const addressOf = ({ host, port }: Address): string => `${host} ${port}`
