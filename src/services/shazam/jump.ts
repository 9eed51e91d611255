import type { RepoId } from '#contracts/ids.ts'
import type { Jump, Server } from '#contracts/registry.ts'
import { Problem } from '#kit/problem.ts'
import { addressOf, type Place, type Shazam } from './shazam.ts'
import type { Address } from './transport/index.ts'

/** Longer ways are a circle, or a riddle. */
const LONGEST = 4

/** The server over which a server is entered, and what that one is entered over in turn. */
export async function jumpAddress(
  shazam: Shazam,
  place: Place,
  server: Server,
  length = 1,
): Promise<Address> {
  const { jump } = server
  if (!jump) throw new Error('asked for a jump that there is not')
  if (length > LONGEST)
    throw new Problem('conflict', {
      reason: `the way to ${place.node} leads over more than ${LONGEST} servers`,
    })
  if (!('node' in jump)) return bastion(shazam, place, server, jump)
  const record = await shazam.bus.ask('registry.get_node', { repo: place.repo, node: jump.node })
  if (!record.server)
    throw new Problem('unreachable', {
      node: place.node,
      reason: `the way there leads over node ${jump.node}, which has no server`,
    })
  return addressOf(shazam, record, record.server, length + 1)
}

/** A machine that is no node: its owner has let the platform's key in. Its key is pinned with the server behind it. */
function bastion(
  shazam: Shazam,
  { repo, node }: Place,
  server: Server,
  jump: Exclude<Jump, { node: string }>,
): Address {
  const name = `${jump.user}@${jump.host}`
  return {
    ...addressOf(shazam, { repo, node: name }, { ...server, ...jump, jump: undefined }),
    async pin(hostKey) {
      const pinned = { ...server, jump: { ...jump, host_keys: [hostKey] } }
      const { server: recorded } = await shazam.bus.ask('registry.get_node', { repo, node })
      if (recorded?.id === server.id)
        await shazam.bus.ask('registry.record_node', { repo, node, server: pinned, only_if: server.id })
    },
  }
}

/** `NODE`, or `USER@HOST`, `USER@HOST:PORT`, `USER@[2001:db8::1]:22`. Throws `invalid`. */
export function readJump(text: string, repo: RepoId): Jump {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(text)) return { node: text }
  const found = /^([a-z_][a-z0-9_-]{0,31})@(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(
    text,
  )
  const port = Number(found?.[4] ?? 22)
  if (!found || port < 1 || port > 65_535)
    throw new Problem('invalid', {
      reason: `jump is \`${text}\`, must be a node of ${repo} or USER@HOST, with :PORT when it is not 22`,
    })
  return { host: found[2] ?? found[3] ?? '', port, user: found[1] ?? '', host_keys: [] }
}
