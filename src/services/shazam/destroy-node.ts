import type { NodeRecord } from '#contracts/registry.ts'
import { converge } from './converge.ts'
import { isUnreachable } from './failures.ts'
import { emptyGraph } from './graph.ts'
import { ownedOf } from './manifest.ts'
import type { Effort } from './nodes.ts'
import { rootShell } from './probe.ts'
import { refuseUnagreed } from './promised.ts'
import type { Connection } from './transport/connection.ts'
import { farewell } from './welcome.ts'

/** A server is destroyed at its provider; of a linked machine only what we own on it is removed. */
export async function destroyNode(effort: Effort): Promise<number> {
  const { shazam, job, feed, servers, fence } = effort
  const { repo, node } = job
  await effort.begin('delete')
  const record = await shazam.bus.ask('registry.get_node', { repo, node })
  let changed = 0
  if (record.server) {
    refuseUnagreed(job, 'destroy')
    if (record.server.provider === 'ssh') changed = await leave(effort, record)
    await servers.destroy({ repo, node }, record.server, 'remove')
    feed.line(
      'platform',
      `server ${record.server.id.slice(0, 12)} at ${record.server.provider} is no more ours`,
    )
  } else feed.line('platform', `${node} has no server`)
  await shazam.bus.ask('registry.forget_node', { repo, node, fence })
  return changed
}

/** What linking brought is the last to go: it is by that we are in. */
async function sayFarewell({ shazam, feed }: Effort, record: NodeRecord, connection: Connection) {
  const { public_key } = await shazam.bus.ask('registry.platform_key', { repo: record.repo })
  const brought = record.server?.brought ?? []
  const { code, stderr } = await connection.exec(rootShell(connection), {
    stdin: farewell(public_key, brought),
  })
  if (code === 0 && brought.length > 0)
    feed.line('platform', `what linking brought leaves: ${brought.join(', ')}`)
  if (code !== 0) feed.line('platform', `what linking brought stays: ${stderr.trim().slice(0, 300)}`, 'warn')
}

/** Nothing wished: all that is owned leaves. A machine that is away is let go as it is. */
async function leave(effort: Effort, record: NodeRecord): Promise<number> {
  const { feed, servers, signal } = effort
  if (!record.server) return 0
  try {
    const connection = await servers.reach(record, record.server, 'linked', signal)
    const result = await converge({
      connection,
      graph: emptyGraph(record.node),
      applied: ownedOf(record) ?? [],
      // We are not to come back.
      patience: 0,
      onLine: ({ stream, text }) => feed.line(stream, text),
      signal,
    })
    for (const { resource, reason } of result.failed)
      feed.line('platform', `${resource} stays: ${reason}`, 'warn')
    if (result.failed.length === 0 && result.lost === undefined) await sayFarewell(effort, record, connection)
    return result.changed
  } catch (error) {
    if (!isUnreachable(error) || signal.aborted) throw error
    feed.line('platform', `${error.message}; what is on it stays`, 'warn')
    return 0
  }
}
