import type { Bus } from '#bus'
import type { Infrastructure, Service } from '#contracts/descriptors.ts'
import type { NodeRecord, Server } from '#contracts/registry.ts'
import type { Outbound } from '#kit/outbound.ts'
import { Secret } from '#kit/secret.ts'
import type { Parts } from '#kit/service.ts'
import { together } from '#kit/together.ts'
import { jumpAddress } from './jump.ts'
import type { Provider } from './providers/index.ts'
import type { Connection } from './transport/connection.ts'
import type { Address, Transport } from './transport/index.ts'

/** What every part of the service works with. */
export interface Shazam extends Omit<Parts, 'stack' | 'store'> {
  catalog: readonly Service[]
  transport: Transport
  outbound: Outbound
  providers: ReadonlyMap<string, Provider>
  /** What a repository says at a commit, or at its tip: shared by all who ask together, so not to be changed. */
  infrastructureAt(repo: string, commit?: string | null): Promise<Infrastructure>
}

export function infrastructures(bus: Bus): Shazam['infrastructureAt'] {
  const ask = together(
    ({ repo, commit }: At) => `${repo} ${commit}`,
    ([{ repo, commit }]) => bus.ask('git.infrastructure', { repo, ...(commit && { commit }) }),
  )
  return (repo, commit = null) => ask({ repo, commit })
}

interface At {
  repo: string
  commit: string | null
}

export type Place = Pick<NodeRecord, 'repo' | 'node'>

/** The way into a node. A key seen at first contact is recorded before anything is done. */
export const enter = (shazam: Shazam, place: Place, server: Server): Connection =>
  shazam.transport.connection(addressOf(shazam, place, server))

/** `length`: over how many servers the way has led so far. */
export function addressOf(shazam: Shazam, { repo, node }: Place, server: Server, length = 1): Address {
  const { bus } = shazam
  return {
    repo,
    node,
    host: server.host,
    port: server.port,
    user: server.user,
    hostKeys: server.host_keys,
    async privateKey() {
      const { private_key } = await bus.ask('registry.platform_key', { repo })
      return new Secret(private_key)
    },
    async pin(hostKey) {
      const pinned = { ...server, host_keys: [hostKey] }
      await bus.ask('registry.record_node', { repo, node, server: pinned, only_if: server.id })
    },
    ...(server.jump && { jump: () => jumpAddress(shazam, { repo, node }, server, length) }),
  }
}

export const servicesAt = (shazam: Pick<Shazam, 'catalog'>, own: readonly Service[]): Service[] => {
  const named = new Set(own.map((service) => service.id))
  return [...shazam.catalog.filter((service) => !named.has(service.id)), ...own]
}
