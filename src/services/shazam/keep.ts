import type { Graph } from './graph.ts'
import type { Entry, Verdict } from './resources/kind.ts'

type Wish = Pick<Graph, 'purge' | 'manifest'>

/**
 * Whether the node gives up what a kept resource holds: all its services are purged. While one of them still keeps data
 * on the node, what it kept before may be the only copy of them, which is only about to be moved: it stays.
 */
export const purges = (graph: Wish, entry: Entry): boolean =>
  namedByPurge(graph, entry) && !stillKeeps(graph, entry)

const namedByPurge = ({ purge }: Wish, { from = [] }: Entry): boolean =>
  purge === true || (from.length > 0 && from.every((service) => purge.includes(service)))

const stillKeeps = ({ manifest }: Wish, { from = [] }: Entry): boolean =>
  manifest.some((wish) => wish.keep && wish.from?.some((service) => from.includes(service)))

/** A purged folder whose service keeps its data elsewhere now: it leaves after all else, and only when it is empty. */
export const leavesEmpty = (graph: Wish, entry: Entry): boolean =>
  entry.kind === 'directory' &&
  entry.keep === true &&
  !entry.present_before &&
  !entry.spent &&
  namedByPurge(graph, entry) &&
  stillKeeps(graph, entry)

/** What leaves, is there and keeps its data: it stays known, so that a later `purge` finds it. */
export const staysKnown = (graph: Graph, entry: Entry, verdict: Verdict | undefined): boolean =>
  entry.keep === true && !entry.present_before && !purges(graph, entry) && verdict !== 'no change'

/** How a plan says that kept data could leave. */
export const purgeHint = (graph: Wish, entry: Entry): string => {
  const services = (entry.from ?? []).join(', ')
  return stillKeeps(graph, entry)
    ? `: ${services} still keeps data on this node; remove it by hand when nothing in it is needed`
    : `; \`purge: [${services}]\` in the node removes it for good`
}
