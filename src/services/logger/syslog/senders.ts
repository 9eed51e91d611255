import { isIPv6 } from 'node:net'
import type { Bus } from '#bus'
import type { Clock } from '#kit/clock.ts'
import { hider } from '#kit/mask/index.ts'

/** Milliseconds that what the registry said is believed. */
const BELIEVED = 5000
/** Milliseconds between two questions because of an address that is in no list. */
const ASK_AGAIN = 1000

export interface Sender {
  repo: string
  node: string
}

/** Which node an address is, and what must not be shown of what it says. */
export class Senders {
  readonly #bus: Bus
  readonly #clock: Clock
  #nodes = new Map<string, Sender[]>()
  #listed = Number.NEGATIVE_INFINITY
  readonly #hiders = new Map<string, { hide: (text: string) => string; until: number }>()

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus
    this.#clock = clock
  }

  /** Undefined: no node, or several nodes behind one address of which none is called `host`. */
  async find(address: string, host: string): Promise<Sender | undefined> {
    const known = this.#nodes.has(address)
    if (this.#clock.steady() - this.#listed > (known ? BELIEVED : ASK_AGAIN)) await this.#list()
    const found = this.#nodes.get(address) ?? []
    return found.length > 1 ? found.find(({ node }) => node === host.split('.')[0]) : found[0]
  }

  async #list(): Promise<void> {
    const records = await this.#bus.ask('registry.list_nodes', {})
    const nodes = records.flatMap(({ repo, node, server }) =>
      server ? [{ repo, node, host: server.host }] : [],
    )
    this.#nodes = Map.groupBy(nodes, ({ host }) => plainAddress(host))
    this.#listed = this.#clock.steady()
  }

  /** Takes the secrets of a repository out of a text. */
  async hiderOf(repo: string): Promise<(text: string) => string> {
    const known = this.#hiders.get(repo)
    if (known && known.until > this.#clock.steady()) return known.hide
    const scope = await this.#bus.ask('registry.resolve', { repo })
    const secrets = Array.isArray(scope.$secrets) ? scope.$secrets.map(String) : []
    const hide = hider(secrets)
    this.#hiders.set(repo, { hide, until: this.#clock.steady() + BELIEVED })
    return hide
  }
}

/** `::ffff:192.0.2.1` is what a socket for both families calls `192.0.2.1`. */
export const plainAddress = (address: string): string =>
  isIPv6(address)
    ? address
        .replace(/^::ffff:(?=\d+\.)/i, '')
        .replace(/%.*$/, '')
        .toLowerCase()
    : address
