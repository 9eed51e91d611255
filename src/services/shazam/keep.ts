import type { Graph } from './graph.ts'
import type { Entry, Verdict } from './resources/kind.ts'

/** Whether the node gives up what a kept resource holds: all services that wished it are purged. */
export const purges = ({ purge }: Pick<Graph, 'purge'>, { from = [] }: Entry): boolean =>
  purge === true || (from.length > 0 && from.every((service) => purge.includes(service)))

/** What leaves, is there and keeps its data: it stays known, so that a later `purge` finds it. */
export const staysKnown = (graph: Graph, entry: Entry, verdict: Verdict | undefined): boolean =>
  entry.keep === true && !entry.present_before && !purges(graph, entry) && verdict !== 'no change'

/** How a plan says that kept data could leave. */
export const purgeHint = ({ from = [] }: Entry): string =>
  `; \`purge: [${from.join(', ')}]\` in the node removes it for good`
