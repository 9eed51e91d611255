import { isDeepStrictEqual } from 'node:util'
import type { Bus } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Settings } from '#contracts/settings.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import { covers } from './options.ts'

/** Nodes whose data a push would destroy. */
export interface Losses {
  destroy: string[]
  replace: string[]
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
}

export async function findLosses(bus: Bus, question: Question): Promise<Losses> {
  const { repo } = question
  const destroy = await removedNodes(bus, question)
  return {
    destroy: await withServer(bus, repo, destroy),
    replace: await withServer(bus, repo, replacedNodes(question)),
  }
}

/** What of it nobody has agreed to. */
export const withoutConsent = (losses: Losses, consent: Consent): Losses => ({
  destroy: losses.destroy.filter((node) => !covers(consent.destroy, node)),
  replace: losses.replace.filter((node) => !covers(consent.replace, node)),
})

async function removedNodes(bus: Bus, { repo, former, next }: Question): Promise<string[]> {
  const stays = new Set(next.nodes.map((node) => node.id))
  const before = former ? former.nodes.map((node) => node.id) : await recordedNodes(bus, repo)
  return before.filter((node) => !stays.has(node))
}

/** Without a plan, another provider, size, location or image counts as a new server: nobody can say that it is not. */
function replacedNodes({ former, next, plan }: Question): string[] {
  if (plan) return plan.filter((node) => node.verdict === 'replace').map((node) => node.node)
  const before = new Map(former?.nodes.map((node) => [node.id, node.provider]))
  return next.nodes
    .filter((node) => before.has(node.id) && !isDeepStrictEqual(before.get(node.id), node.provider))
    .map((node) => node.id)
}

async function recordedNodes(bus: Bus, repo: string): Promise<string[]> {
  const records = await bus.ask('registry.list_nodes', { repo }, { deadline: 2000 }).catch(() => [])
  return records.map((record) => record.node)
}

async function withServer(bus: Bus, repo: string, nodes: readonly string[]): Promise<string[]> {
  const known = await Promise.all(nodes.map((node) => hasServer(bus, repo, node)))
  return nodes.filter((_, i) => known[i])
}

/** No record and no answer both count as no server. */
async function hasServer(bus: Bus, repo: string, node: string): Promise<boolean> {
  try {
    return (await bus.ask('registry.get_node', { repo, node }, { deadline: 2000 })).server !== null
  } catch {
    return false
  }
}
