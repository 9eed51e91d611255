import { isDeepStrictEqual } from 'node:util'
import type { Input } from '#contracts'
import type { Node } from '#contracts/descriptors.ts'
import type { NodeRecord } from '#contracts/registry.ts'
import type { Change, NodePlan } from '#contracts/shazam.ts'
import { Problem } from '#kit/problem.ts'
import { digestOf, digestOfWish } from './digest.ts'
import { emptyGraph, type Graph } from './graph.ts'
import { ownedOf } from './manifest.ts'
import { planLive } from './plan.ts'
import { fetchContents, lookAt } from './probe.ts'
import { planRecorded } from './recorded.ts'
import { type ServerVerdict, serverVerdict } from './servers.ts'
import { enter, type Shazam } from './shazam.ts'
import { openGate } from './transport/gate.ts'
import type { OpenWishes, Wishes } from './wishes.ts'

type Asked = Input<'shazam.plan'>

/** Nodes that are looked at together. */
const AT_ONCE = 16

interface Look {
  shazam: Shazam
  wishes: Wishes
  asked: Asked
  signal: AbortSignal
}

/** What would be done to each node of a repository, those on record that it no longer names included. */
export const planNodes =
  (shazam: Shazam, openWishes: OpenWishes) =>
  async (asked: Asked, { signal }: { signal: AbortSignal }): Promise<NodePlan[]> => {
    const { repo, commit, next } = asked
    const [infrastructure, records] = await Promise.all([
      next ?? shazam.infrastructureAt(repo, commit),
      shazam.bus.ask('registry.list_nodes', { repo }),
    ])
    const wishes = await openWishes(infrastructure, placeOf(asked))
    const look = { shazam, wishes, asked, signal }
    const byNode = new Map(records.map((record) => [record.node, record]))
    const wanted = (id: string) => asked.nodes === undefined || asked.nodes.includes(id)
    const gate = openGate(AT_ONCE)
    const named = infrastructure.nodes.filter((node) => wanted(node.id))
    const names = new Set(infrastructure.nodes.map((node) => node.id))
    const leaving = records.filter((record) => !names.has(record.node) && wanted(record.node))
    const plans = await Promise.all([
      ...named.map((node) => gate.run(() => planNode(look, node, byNode.get(node.id)))),
      ...leaving.map(planDestroy),
    ])
    return next ? plans.map(brief) : plans
  }

/** A push is told what moves; of a new server all is new, which needs no diff. With many nodes the rest is megabytes. */
const brief = (plan: NodePlan): NodePlan => ({
  ...plan,
  changes: plan.changes
    .filter(({ verdict }) => verdict !== 'no change')
    .map(({ diff, ...change }) => (plan.verdict === 'create' || !diff ? change : { ...change, diff })),
})

const asOf = (record?: NodeRecord) => record?.applied?.at ?? null

function planDestroy(record: NodeRecord): NodePlan {
  const changes = record.applied ? removals(record) : []
  return {
    node: record.node,
    verdict: 'destroy',
    changes,
    as_of: asOf(record),
    ...(record.server ? {} : { reason: 'it has no server' }),
  }
}

/** Only what is on a machine that outlives its node is worth a line each. */
function removals(record: NodeRecord): Change[] {
  if (record.server?.provider !== 'ssh') return []
  return planRecorded(emptyGraph(record.node), ownedOf(record))
}

async function planNode(look: Look, node: Node, record?: NodeRecord): Promise<NodePlan> {
  const plan = { node: node.id, changes: [], as_of: asOf(record) }
  try {
    const graph = await look.wishes(node)
    look.shazam.providers.get(node.provider.name)?.check(node.provider)
    const verdict = record ? serverVerdict(look.shazam, record, node) : 'create'
    const resize = verdict === 'resize' && record ? [resizing(record, node)] : []
    if (verdict === 'create' || verdict === 'replace') {
      const digest = digestOfWish(graph, node.provider)
      const changes = planRecorded(withoutHostMatters(graph, node), null)
      return { ...plan, verdict, changes, digest, ...reasonOf(look.shazam, verdict, node, record) }
    }
    if (look.asked.live && record) return await planOnServer(look, graph, record, resize)
    return { ...plan, ...judged([...resize, ...planRecorded(graph, ownedOf(record))]) }
  } catch (error) {
    if (look.signal.aborted) throw error
    return {
      ...plan,
      verdict: 'unknown',
      reason: error instanceof Error ? error.message : Problem.of(error).message,
    }
  }
}

const placeOf = ({ commit, next }: Asked) => ({
  ...(next ? { next } : commit !== undefined && { commit }),
})

type Provider = Node['provider']

/** Keys of a provider that were changed since the server was made, as `size small -> large`. */
function movedKeys(from: Provider, to: Provider): { key: string; said: string }[] {
  const [before, after] = [from, to] as Record<string, unknown>[]
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  const show = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
  return keys
    .filter((key) => !isDeepStrictEqual(before?.[key], after?.[key]))
    .map((key) => ({
      key,
      said: `${key} ${show(before?.[key] ?? 'none')} -> ${show(after?.[key] ?? 'none')}`,
    }))
}

const resizing = ({ server }: NodeRecord, node: Node): Change => {
  const moved = movedKeys((server?.made_from ?? {}) as Provider, node.provider)
  return {
    resource: 'server',
    verdict: 'change',
    summary: `resize the server where it is: ${moved.map(({ said }) => said).join(', ')}`,
  }
}

/** What a new server waits for, and which keys force another one. */
function reasonOf(shazam: Shazam, verdict: ServerVerdict, node: Node, record: NodeRecord | undefined) {
  if (verdict === 'create' && node.provider.name === 'ssh')
    return { reason: `waits to be linked: devops link ${node.id}` }
  if (verdict !== 'replace' || !record?.server) return {}
  const from = record.server.made_from as Provider
  const moved = movedKeys(from, node.provider)
  const alone = (key: string) => ({ ...from, [key]: (node.provider as Record<string, unknown>)[key] })
  const forcing = moved.filter(
    ({ key }) => serverVerdict(shazam, record, { ...node, provider: alone(key) }) === 'replace',
  )
  const said = (forcing.length > 0 ? forcing : moved).map((each) => each.said)
  return { reason: `${said.join(', ')} takes another server` }
}

/** A container of the provider docker never gets what is a matter of its host, such as swap. */
const withoutHostMatters = (graph: Graph, node: Node): Graph => {
  if (node.provider.name !== 'docker') return graph
  const left = new Set(graph.resources.filter(({ except }) => except === 'container').map(({ id }) => id))
  return { ...graph, manifest: graph.manifest.filter(({ id }) => !left.has(id)) }
}

async function planOnServer(
  { shazam, signal }: Look,
  graph: Graph,
  record: NodeRecord,
  resize: Change[],
): Promise<NodePlan> {
  if (!record.server) throw new Problem('not_found', { what: `server of ${record.node}` })
  const connection = enter(shazam, record, record.server)
  const applied = ownedOf(record) ?? []
  const state = await lookAt(connection, graph, applied, { signal })
  await fetchContents(connection, graph, state)
  const live = planLive(graph, state, applied)
  const digest = digestOf(graph, state, live, applied)
  return { node: record.node, as_of: shazam.clock.now(), digest, ...judged([...resize, ...live.changes]) }
}

const judged = (changes: Change[]): Pick<NodePlan, 'verdict' | 'changes'> => ({
  verdict: changes.some(({ verdict }) => verdict === 'change' || verdict === 'unknown until it runs')
    ? 'change'
    : 'no change',
  changes,
})
