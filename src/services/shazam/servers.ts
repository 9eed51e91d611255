import type { Node } from '#contracts/descriptors.ts'
import type { NodeRecord, Server } from '#contracts/registry.ts'
import { sleep } from '#kit/clock.ts'
import { openProvider } from './credentials.ts'
import { isUnreachable } from './failures.ts'
import { canonical, type Made, type Power, tokenOf } from './providers/index.ts'
import { enter, type Place, type Shazam } from './shazam.ts'
import type { Connection } from './transport/connection.ts'

type Descriptor = Node['provider']

/**
 * How long a server is waited for, in milliseconds: one that was just made; one that its provider has, and may have
 * started just now; a linked one.
 */
const PATIENCE = { made: 120_000, found: 20_000, linked: 10_000 }

export interface ServerKeeper {
  /** A server is made, also when a former attempt made it and could not say so. */
  create(place: Place, descriptor: Descriptor): Promise<Server>
  /** Where a server is now: its provider may have given it another address, or know nothing of it any more. */
  find(place: Place, server: Server): Promise<Server | undefined>
  /** The server where it is now, recorded, when it has moved; undefined when it has not, is gone, or is linked. */
  relocate(place: Place, server: Server): Promise<Server | undefined>
  /** Another size where it is. */
  resize(place: Place, server: Server, descriptor: Descriptor): Promise<Server>
  /** Switched at its provider. One that was started may be at another address: that is recorded. */
  power(place: Place, server: Server, act: Power, may?: () => Promise<void>): Promise<void>
  /** Gone at its provider; a linked machine stays as it is. What outlives a server is kept for the next, or goes too. */
  destroy(place: Place, server: Server, data: 'keep' | 'remove'): Promise<void>
  /** Waits until the server lets us in. Throws `unreachable` and all that is worse. */
  reach(place: Place, server: Server, state: keyof typeof PATIENCE, signal?: AbortSignal): Promise<Connection>
}

export function keepServers(shazam: Shazam): ServerKeeper {
  const { bus, clock, transport } = shazam

  const find: ServerKeeper['find'] = async ({ repo, node }, server) => {
    const descriptor = server.made_from as Descriptor
    const token = tokenFor({ repo, node }, server)
    const provider = await openProvider(shazam, { repo, node }, openerOf(server), 'find')
    const found = await provider.find({ repo, node, token })
    // Its keys are what they were: another address is no reason to trust another machine.
    return found && { ...toServer(found, descriptor, token), host_keys: server.host_keys }
  }

  const relocate: ServerKeeper['relocate'] = async ({ repo, node }, server) => {
    if (server.provider === 'ssh') return undefined
    const found = await find({ repo, node }, server)
    if (!found || found.host === server.host) return undefined
    await bus.ask('registry.record_node', { repo, node, server: found, only_if: server.id })
    return found
  }

  return {
    find,
    relocate,
    async power(place, server, act, may) {
      const provider = await openProvider(shazam, place, openerOf(server), 'power')
      await may?.()
      if (act !== 'start') transport.close(place.repo, place.node)
      await provider.power({ ...place, token: tokenFor(place, server) }, act)
      if (act !== 'stop') await relocate(place, server)
    },
    async create({ repo, node }, descriptor) {
      const provider = await openProvider(shazam, { repo, node }, descriptor, 'create')
      const { public_key } = await bus.ask('registry.platform_key', { repo })
      const token = tokenOf(repo, node, descriptor)
      const made = await provider.create({ repo, node, descriptor, publicKey: public_key, token })
      return toServer(made, descriptor, token)
    },
    async resize({ repo, node }, server, descriptor) {
      const { public_key } = await bus.ask('registry.platform_key', { repo })
      const token = tokenFor({ repo, node }, server)
      const wish = { repo, node, descriptor, publicKey: public_key, token }
      const provider = await openProvider(shazam, { repo, node }, openerOf(server), 'resize')
      const made = await provider.resize(wish)
      return { ...toServer(made, descriptor, token), host_keys: server.host_keys }
    },
    async destroy({ repo, node }, server, data) {
      transport.close(repo, node)
      const provider = await openProvider(shazam, { repo, node }, openerOf(server), 'destroy')
      await provider.destroy({ repo, node, id: server.id }, data)
    },
    async reach(place, server, state, signal) {
      const end = clock.steady() + PATIENCE[state]
      const connection = enter(shazam, place, server)
      for (let wait = 200; ; wait = Math.min(wait * 2, 5000)) {
        try {
          await connection.exec('true', signal ? { signal } : {})
          return connection
        } catch (error) {
          if (!isUnreachable(error) || signal?.aborted || clock.steady() + wait > end) throw error
          await sleep(clock, wait, signal)
        }
      }
    },
  }
}

/** The credential by which it was made opens it ever after. */
const openerOf = ({ provider, made_from }: Server): Descriptor => ({
  ...(made_from as Descriptor),
  name: provider,
})

function toServer({ id, host, port, user, hostKeys }: Made, made_from: Descriptor, token: string): Server {
  return { provider: made_from.name, id, host, port, user, host_keys: hostKeys, made_from, token }
}

/** A server that was resized has the token of its creation still. */
const tokenFor = ({ repo, node }: Place, { token, made_from }: Server): string =>
  token ?? tokenOf(repo, node, made_from as Descriptor)

export type ServerVerdict = 'create' | 'replace' | 'resize' | 'keep'

/** A linked machine is never replaced. One that we made is, when its wish has changed and it cannot be resized. */
export function serverVerdict(
  { providers }: Pick<Shazam, 'providers'>,
  { server }: NodeRecord,
  node: Node,
): ServerVerdict {
  if (!server) return 'create'
  const from = server.made_from as Descriptor
  if (server.provider === 'ssh' || canonical(from) === canonical(node.provider)) return 'keep'
  const provider = from.name === node.provider.name ? providers.get(server.provider) : undefined
  return provider?.canResize(from, node.provider) ? 'resize' : 'replace'
}
