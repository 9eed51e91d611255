import { isDeepStrictEqual } from 'node:util'
import type { Bus } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Server } from '#contracts/registry.ts'
import type { Settings } from '#contracts/settings.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import { answered } from '#kit/answered.ts'
import { type Volumes, volumesOf } from './loss-lines.ts'
import { covers } from './options.ts'

/** Nodes whose data a push would destroy. */
export interface Losses {
  destroy: string[]
  replace: string[]
  /** What becomes of the volumes of their servers, by node. */
  volumes?: Record<string, Volumes>
  /** Of them, machines that are linked: they are no server of a provider, and stay. */
  linked?: string[]
}

/** Nodes whose server may be lost; `all` for each. */
export interface Consent {
  destroy: ReadonlySet<string>
  replace: ReadonlySet<string>
}

/** What the repository allows once and for all, and what is agreed to this time. */
export const consentOf = (settings: Pick<Settings, 'destroy' | 'replace'>, given?: Consent): Consent => ({
  destroy: settings.destroy === 'allow' ? new Set(['all']) : (given?.destroy ?? new Set()),
  replace: settings.replace === 'allow' ? new Set(['all']) : (given?.replace ?? new Set()),
})

interface Question {
  repo: string
  /** Undefined when it cannot be read: then the registry's record stands in for it. */
  former: Infrastructure | undefined
  next: Infrastructure
  /** Undefined when no plan could be had. */
  plan: readonly NodePlan[] | undefined
  consent: Consent
}

/** Milliseconds in which the registry must say which nodes have a server. */
const PATIENCE = 10_000

/**
 * Servers that would be lost and that nobody has agreed to lose. The registry is asked only when there may be some.
 * Throws `unanswered` when it does not say: a server that nobody can see is not lost for that.
 */
export async function findLosses(bus: Bus, question: Question): Promise<Losses> {
  const { repo, next, consent } = question
  const removed = removedNodes(question)
  const replaced = next.nodes.filter(({ id }) => !covers(consent.replace, id)).filter(mayBeReplaced(question))
  if (removed?.length === 0 && replaced.length === 0) return { destroy: [], replace: [] }
  const servers = await serversOf(bus, repo)
  const stays = new Set(next.nodes.map(({ id }) => id))
  const gone = removed ?? [...servers.keys()].filter((id) => !stays.has(id) && !covers(consent.destroy, id))
  const destroy = gone.filter((id) => servers.has(id))
  const replace = replaced
    .filter((node) => differs(servers.get(node.id), node) || verdictOf(question, node.id) === 'replace')
    .map(({ id }) => id)
    .filter((id) => servers.has(id))
  return { destroy, replace, ...detailsOf([...destroy, ...replace], servers, next) }
}

/** What the words of a refusal say beyond which nodes they are. */
function detailsOf(
  ids: readonly string[],
  servers: ReadonlyMap<string, Server>,
  next: Infrastructure,
): Pick<Losses, 'volumes' | 'linked'> {
  const provider = new Map(next.nodes.map((node) => [node.id, node.provider]))
  const volumes = ids.flatMap((id) => {
    const found = volumesOf(servers.get(id), provider.get(id))
    return found ? [[id, found] as const] : []
  })
  const linked = ids.filter((id) => servers.get(id)?.provider === 'ssh')
  return {
    ...(volumes.length > 0 && { volumes: Object.fromEntries(volumes) }),
    ...(linked.length > 0 && { linked }),
  }
}

type Node = Infrastructure['nodes'][number]

/** Undefined: only the registry can tell. */
function removedNodes({ former, next, consent }: Question): string[] | undefined {
  if (covers(consent.destroy, 'all')) return []
  const stays = new Set(next.nodes.map(({ id }) => id))
  return former?.nodes.map(({ id }) => id).filter((id) => !stays.has(id) && !covers(consent.destroy, id))
}

const verdictOf = ({ plan }: Question, id: string): NodePlan['verdict'] | undefined =>
  plan?.find(({ node }) => node === id)?.verdict

/**
 * Where the plan does not say, another provider, size, location or image counts as a new server: nobody can say that it
 * is not.
 */
function mayBeReplaced(question: Question): (node: Node) => boolean {
  const before = question.former && new Map(question.former.nodes.map(({ id, provider }) => [id, provider]))
  return ({ id, provider }) => {
    const verdict = verdictOf(question, id)
    if (verdict !== undefined && verdict !== 'unknown') return verdict === 'replace'
    if (!before) return true
    return before.has(id) && !isDeepStrictEqual(before.get(id), provider)
  }
}

/** A linked machine is never replaced. */
const differs = (server: Server | undefined, { provider }: Node): boolean =>
  server !== undefined && server.provider !== 'ssh' && !isDeepStrictEqual(server.made_from, provider)

async function serversOf(bus: Bus, repo: string): Promise<Map<string, Server>> {
  const records = await answered(
    `whether ${repo} has servers that would be lost`,
    bus.ask('registry.list_nodes', { repo }, { deadline: PATIENCE }),
  )
  return new Map(
    records.flatMap((record) =>
      record.repo === repo && record.server ? [[record.node, record.server] as const] : [],
    ),
  )
}
