import type { Input } from '#contracts'
import type { Work } from '#contracts/tasker.ts'
import { Problem } from '#kit/problem.ts'
import { toWorks } from './read.ts'
import { takeFor } from './rights.ts'
import { queueDestroy } from './syncs.ts'
import type { Tasker } from './tasker.ts'
import { withTip } from './tips.ts'

/** The same work as that of a node that left the repository; but of a server that we made nothing would be left. */
export async function unlink(tasker: Tasker, { repo, node, by }: Input<'tasker.unlink'>): Promise<Work> {
  const { server } = await tasker.bus.ask('registry.get_node', { repo, node })
  if (!server) throw new Problem('not_found', { what: `server of node ${node} in ${repo}` })
  if (server.provider !== 'ssh')
    throw new Problem('conflict', {
      reason: `Node ${node} was made at ${server.provider}, not linked: take it out of the repository to destroy it`,
    })
  const cause = { kind: 'hand' as const, by, detail: 'unlink', depth: 0 }
  const row = await withTip(
    tasker,
    repo,
    (turn, { commit }) => queueDestroy(turn, { repo, node, commit, cause, agreed: true }),
    takeFor(tasker, by, 'node.link', repo),
  )
  const [work] = await toWorks(tasker, [row])
  if (!work) throw new Error('a work that was queued is not there')
  return work
}
