import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { mayLink } from './linking.ts'
import { enter, type Shazam } from './shazam.ts'

/** A person says that a server's new key is good. It is believed only of the key that the server really shows. */
export const trustKey =
  (shazam: Shazam) =>
  async ({ repo, node, by, host_key }: Input<'shazam.trust'>): Promise<Output<'shazam.trust'>> => {
    const { bus, transport } = shazam
    const { server } = await bus.ask('registry.get_node', { repo, node })
    if (!server) throw new Problem('not_found', { what: `server of node ${node} in ${repo}` })
    transport.close(repo, node)
    const trusted = { ...server, host_keys: [host_key] }
    try {
      await enter(shazam, { repo, node }, trusted).exec('true')
      await mayLink(bus, { by, repo })
    } catch (error) {
      // The key that it was entered with must not outlive the attempt.
      transport.close(repo, node)
      throw error
    }
    await bus.ask('registry.record_node', { repo, node, server: trusted, only_if: server.id })
    return { before: server.host_keys }
  }
