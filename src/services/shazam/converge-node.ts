import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import type { Facts } from '#contracts/facts.ts'
import type { NodeRecord, Server } from '#contracts/registry.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { addressesIn } from '#language'
import { type Converged, converge } from './converge.ts'
import { isAway, NotApplied } from './failures.ts'
import type { Graph } from './graph.ts'
import { ownedOf } from './manifest.ts'
import type { Effort } from './nodes.ts'
import { openReporter } from './progress.ts'
import { consentOf, keepVerdict, refuseUnagreed } from './promised.ts'
import { bootOf } from './record.ts'
import { recordSecretUse } from './secret-use.ts'
import { serverVerdict } from './servers.ts'
import { enter } from './shazam.ts'
import type { Connection } from './transport/connection.ts'

/** Makes a node match the commit of its job. Returns how many resources were changed. */
export async function convergeNode(effort: Effort): Promise<number> {
  const { job, feed, shazam } = effort
  const { repo, commit } = job
  const infrastructure = await shazam.infrastructureAt(repo, commit)
  const node = infrastructure.nodes.find((one) => one.id === job.node)
  if (!node) {
    const where = commit === null ? 'the repository' : `commit ${commit.slice(0, 7)}`
    feed.line('platform', `${job.node} is not in ${where}: nothing to do`)
    return 0
  }
  const before = await shazam.bus.ask('registry.get_node', { repo, node: job.node })
  const verdict = serverVerdict(shazam, before, node)
  keepVerdict(job.promised, verdict)
  if (verdict === 'replace') refuseUnagreed(job, 'replace')
  const anew = before.created_at === null || verdict === 'create' || verdict === 'replace'
  await effort.begin(anew ? 'create' : 'update')
  // Also of a node whose values are missing or wrong: once they are there, it is synced.
  await noteUses(effort, addressesIn([node.configuration, node.vars]))
  const made = await makeMatch(effort, infrastructure, node, before)
  tellReboot(effort, made.result)
  await keepResult(effort, made)
  return made.result.changed
}

interface Made {
  record: NodeRecord
  graph: Graph
  result: Converged
}

/** Of a server that we know, the look at it is the knock at its door as well: one that does not answer is searched. */
async function makeMatch(
  effort: Effort,
  infrastructure: Infrastructure,
  node: Node,
  before: NodeRecord,
): Promise<Made> {
  const { job, feed, shazam, signal } = effort
  using reporter = openReporter(effort)
  const match = async ({ record, connection }: Reached): Promise<Made> => {
    const graph = await wish(effort, infrastructure, node)
    await recordSecretUse(shazam, job, graph)
    const boot = bootOf(record.facts as Partial<Facts>)
    const result = await converge({
      connection,
      graph,
      applied: ownedOf(record) ?? [],
      ...(boot && { boot }),
      onLine: ({ stream, text }) => feed.line(stream, text),
      onProgress: (place) => reporter.report(place),
      onPlan: (changes) => {
        for (const { verdict, summary } of changes)
          if (verdict === 'change' || verdict === 'unknown until it runs') feed.line('platform', summary)
      },
      ...consentOf(job.promised),
      signal,
    })
    return { record, graph, result }
  }
  const reached = await haveServer(effort, node, before)
  try {
    return await match(reached)
  } catch (error) {
    // It throws only when nothing was begun.
    if (reached.answered || !isAway(error) || signal.aborted) throw error
    return await match(await searchServer(effort, node, reached.record, error))
  }
}

function tellReboot({ feed }: Effort, { facts }: Converged): void {
  const { required, packages } = facts.reboot
  if (!required) return
  const why = packages.length > 0 ? ` (${packages.join(', ')})` : ''
  feed.line('platform', `this node must be booted anew before all that is installed is in use${why}`, 'warn')
}

/**
 * What the node should be, of values that were read after the registry knew that the node uses them: whoever moves one
 * from then on has the node synced once more. So nothing is applied that nobody would put right.
 */
async function wish(effort: Effort, infrastructure: Infrastructure, node: Node): Promise<Graph> {
  const { job, openWishes } = effort
  for (;;) {
    const wishes = await openWishes(infrastructure, job.commit === null ? {} : { commit: job.commit })
    const graph = await wishes(node)
    if (!(await noteUses(effort, graph.uses))) return graph
  }
}

async function noteUses({ shazam, job, fence }: Effort, uses: string[]): Promise<boolean> {
  const { repo, node } = job
  return (await shazam.bus.ask('registry.note_uses', { repo, node, fence, uses })).fresh
}

interface Reached {
  record: NodeRecord
  connection: Connection
  /** It has let us in just now. */
  answered: boolean
}

async function haveServer(effort: Effort, node: Node, before: NodeRecord): Promise<Reached> {
  const { feed, servers, shazam } = effort
  const place = { repo: before.repo, node: before.node }
  const verdict = serverVerdict(shazam, before, node)
  let record = before
  if (before.server && verdict === 'replace') {
    feed.line('platform', `the wish for the server has changed: ${before.server.id.slice(0, 12)} is replaced`)
    await servers.destroy(place, before.server, 'keep')
    record = await forgetServer(effort)
  }
  if (before.server && verdict === 'resize') {
    feed.line('platform', `the wish for the size has changed: ${before.server.id.slice(0, 12)} is resized`)
    record = await write(effort, { server: await servers.resize(place, before.server, node.provider) })
  }
  if (!record.server) return await makeServer(effort, node)
  return { record, connection: enter(shazam, place, record.server), answered: false }
}

async function makeServer(effort: Effort, node: Node): Promise<Reached> {
  const { feed, servers, job, signal } = effort
  const place = { repo: job.repo, node: job.node }
  feed.line('platform', `creates a server at ${node.provider.name}`)
  const server = await servers.create(place, node.provider)
  // At once: what exists and costs money must not be known to this process alone.
  const record = await write(effort, { server }).catch(async (error: unknown) => {
    if (isProblem(error, 'not_found')) await takeBack(effort, server)
    throw error
  })
  feed.line('platform', `server ${server.id.slice(0, 12)} is made: ${server.host}`)
  return { record, connection: await servers.reach(place, server, 'made', signal), answered: true }
}

/** Its repository was deleted while it was made: nothing would ever show it or remove it. */
async function takeBack({ feed, servers, job }: Effort, server: Server): Promise<void> {
  await servers.destroy({ repo: job.repo, node: job.node }, server, 'remove')
  feed.line('platform', `server ${server.id.slice(0, 12)} is destroyed again: its repository was deleted`)
}

/** It does not answer: it may have moved, or be gone. A linked one can only be waited for. */
async function searchServer(
  effort: Effort,
  node: Node,
  { server, ...rest }: NodeRecord,
  error: Problem,
): Promise<Reached> {
  const { feed, servers, job, signal } = effort
  const place = { repo: job.repo, node: job.node }
  if (!server) throw error
  if (server.provider === 'ssh') {
    const connection = await servers.reach(place, server, 'linked', signal)
    return { record: { ...rest, server }, connection, answered: true }
  }
  const found = await servers.find(place, server)
  if (!found) {
    feed.line(
      'platform',
      `${error.message}; ${server.provider} does not have it any more: a new one is made`,
      'warn',
    )
    await forgetServer(effort)
    return await makeServer(effort, node)
  }
  if (isProblem(error, 'host_key') && found.host === server.host) throw error
  feed.line('platform', `${error.message}; ${server.provider} has it at ${found.host}`, 'warn')
  const record = await write(effort, { server: found })
  return { record, connection: await servers.reach(place, found, 'found', signal), answered: true }
}

const forgetServer = (effort: Effort): Promise<NodeRecord> =>
  write(effort, { server: null, applied: null, facts: {}, created_at: null })

type Written = Partial<Pick<NodeRecord, 'server' | 'facts' | 'applied' | 'created_at'>> & { uses?: string[] }

async function write({ shazam, job, fence }: Effort, what: Written): Promise<NodeRecord> {
  return await shazam.bus.ask('registry.record_node', { repo: job.repo, node: job.node, fence, ...what })
}

/** Also of a failure: what we own must be known, or it would never be removed. Throws when not all was applied. */
async function keepResult(effort: Effort, { record, graph, result }: Made): Promise<void> {
  const { job, shazam } = effort
  const whole = result.failed.length === 0 && result.lost === undefined
  const at = shazam.clock.now()
  await write(effort, {
    facts: result.facts,
    applied: {
      commit: whole ? job.commit : (record.applied?.commit ?? null),
      at,
      work: job.work,
      manifest: result.manifest,
    },
    uses: graph.uses,
    ...(whole && record.created_at === null && { created_at: at }),
  })
  if (result.lost !== undefined) throw new Problem('unreachable', { node: job.node, reason: result.lost })
  if (!whole) throw new NotApplied(failureText(result), result.cut)
}

function failureText({ failed, stopped }: Converged): string {
  const shown = failed.slice(0, 5).map(({ resource, reason }) => `${resource}: ${reason}`)
  const more = failed.length > shown.length ? `; and ${failed.length - shown.length} more` : ''
  const rest = stopped.length > 10 ? ` and ${stopped.length - 10} more` : ''
  const skipped = stopped.length ? `; skipped because of that: ${stopped.slice(0, 10).join(', ')}${rest}` : ''
  return `${shown.join('; ')}${more}${skipped}`
}
