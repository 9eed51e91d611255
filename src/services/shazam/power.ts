import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { stillMay } from '#kit/still-may.ts'
import { keepServers } from './servers.ts'
import type { Shazam } from './shazam.ts'

/** Outside of the node's lock: a work on a server that hangs would keep out what could free it. */
export const switchPower =
  (shazam: Shazam) =>
  async ({ repo, node, by, act }: Input<'shazam.power'>): Promise<Output<'shazam.power'>> => {
    const { server } = await shazam.bus.ask('registry.get_node', { repo, node })
    if (!server) throw new Problem('not_found', { what: `server of node ${node} in ${repo}` })
    const may = async () => (by === undefined ? undefined : stillMay(shazam.bus, by, 'node.sync', repo))
    await keepServers(shazam).power({ repo, node }, server, act, may)
    return {}
  }
