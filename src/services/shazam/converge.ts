import type { Facts } from '#contracts/facts.ts'
import type { Change } from '#contracts/shazam.ts'
import { hider } from '#kit/mask.ts'
import { type Applied, apply, type Outcome, type OutputLine } from './apply.ts'
import { digestOf } from './digest.ts'
import { type Boot, noQuestions, type State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { nextManifest } from './manifest.ts'
import { type Plan, planLive } from './plan.ts'
import { probe, questions } from './probe.ts'
import { factsOf } from './record.ts'
import type { Entry } from './resources/kind.ts'
import type { Connection } from './transport/connection.ts'

export interface ConvergeInput {
  connection: Connection
  graph: Graph
  /** The manifest of the last apply; empty for a new node. */
  applied: readonly Entry[]
  /** Of the node as it was last recorded. */
  boot?: Boot
  onLine(line: OutputLine): void
  /** What is about to be done, before it is done. */
  onPlan?(changes: readonly Change[]): void
  /** Throws before anything is done when it is not content with what would be done. */
  consent?(digest: string, changes: readonly Change[]): void
  signal?: AbortSignal
  /** See ApplyOptions. */
  patience?: number
}

export interface Converged {
  /** Number of resources that were changed. */
  changed: number
  failed: { resource: string; reason: string }[]
  skipped: { resource: string; reason: string }[]
  /** Of the skipped those that a failure stopped. */
  stopped: string[]
  facts: Facts
  /** What we own now, also after a failure: to be recorded in any case. */
  manifest: Entry[]
  changes: Change[]
  /** The link was lost in the middle, and why: what is told is what was done until then. Try again. */
  lost?: string
  /** A change shut us out, and the node took it back: the same again would end the same. */
  cut: boolean
}

/** How often the node is looked at anew because another apply was at work on it. */
const ROUNDS = 5

/** Makes a node match a graph: one round trip when there is nothing to do. Throws only when nothing was begun. */
export async function converge(input: ConvergeInput): Promise<Converged> {
  const { connection, graph, applied, boot, signal } = input
  const asked = questions(graph, applied, boot)
  const hide = hider(graph.secrets)
  const onLine = (line: OutputLine) => input.onLine({ ...line, text: hide(line.text) })
  for (let round = 1; ; round++) {
    const state = await probe(connection, asked, signal)
    const plan = planLive(graph, state, applied)
    input.consent?.(digestOf(graph, state, plan, applied), plan.changes)
    const idle = plan.actions.length === 0 && plan.pending.length === 0
    if (!idle) input.onPlan?.(plan.changes)
    const result: Applied = idle
      ? { outcomes: [], again: false, cut: false }
      : await apply(connection, plan, { ...input, onLine })
    if (result.again && round < ROUNDS) continue
    const after = await factsAfter(input, state, plan, result)
    return summary(input, plan, state, result, after, hide)
  }
}

function summary(
  { graph, applied }: ConvergeInput,
  plan: Plan,
  state: State,
  { outcomes, lost, again, busy, cut }: Applied,
  after: State,
  hide: (text: string) => string,
): Converged {
  const told = (result: Outcome['result']) =>
    outcomes
      .filter((outcome) => outcome.result === result)
      .map(({ resource, reason }) => ({ resource, reason: hide(reason) }))
  const planned = plan.changes.filter(({ verdict }) => verdict === 'skipped')
  return {
    changed: outcomes.filter(
      ({ result, resource }) => result === 'changed' && !resource.startsWith('handler:'),
    ).length,
    failed: [...told('failed'), ...told('unfinished')],
    skipped: [...planned.map(({ resource, summary }) => ({ resource, reason: summary })), ...told('skipped')],
    stopped: told('skipped').map(({ resource }) => resource),
    facts: factsOf(after, hide),
    manifest: nextManifest(graph, plan, state, applied, outcomes),
    changes: plan.changes,
    cut,
    ...(lost === undefined ? {} : { lost }),
    ...(again ? { lost: busy ?? 'another apply keeps the node busy' } : {}),
  }
}

/** Kinds after which the node may say other things of itself. */
const tellsMore = new Set(['package', 'command', 'hostname', 'user', 'swap'])

async function factsAfter(
  { connection, graph, signal }: ConvergeInput,
  state: State,
  plan: Plan,
  result: Applied,
): Promise<State> {
  const kinds = new Map(plan.actions.map(({ resource, kind }) => [resource, kind]))
  const moved = result.outcomes.some(({ resource }) => tellsMore.has(kinds.get(resource) ?? ''))
  if (!moved || result.lost !== undefined) return state
  const asked = { ...noQuestions(), lines: new Map(Object.entries(graph.lines)), boot: state.system }
  // What was done is worth more than fresh facts.
  return probe(connection, asked, signal).catch(() => state)
}
