import type { Facts } from '#contracts/facts.ts'
import type { Change } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import { type Applied, apply, type Outcome, type OutputLine } from './apply.ts'
import { digestOf } from './digest.ts'
import { type Boot, noQuestions, type State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { nextManifest } from './manifest.ts'
import { filesOf } from './places.ts'
import { type Plan, planLive } from './plan.ts'
import { lookAt, probe, questions } from './probe.ts'
import type { Place } from './progress.ts'
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
  onProgress?(place: Place): void
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
  const hide = hider(graph.secrets)
  const quiet: ConvergeInput = {
    ...input,
    onLine: (line: OutputLine) => input.onLine({ ...line, text: hide(line.text) }),
  }
  for (let round = 1; ; round++) {
    const state = await lookAt(connection, graph, applied, { boot, signal })
    const plan = planLive(graph, state, applied)
    input.consent?.(digestOf(graph, state, plan, applied), plan.changes)
    const idle = plan.actions.length === 0 && plan.pending.length === 0
    if (!idle) input.onPlan?.(plan.changes)
    const done = takesMore(plan, graph) ? await inTwo(quiet, plan, state) : await atOnce(quiet, plan, state)
    if (done.result.again && round < ROUNDS) continue
    const after = await factsAfter(input, done.state, done.plan, done.result)
    return summary(input, done, after, hide)
  }
}

interface Done {
  plan: Plan
  /** That the last of it was planned by. */
  state: State
  /** The node as it was before a resource was touched. */
  stateOf(id: string): State
  result: Applied
}

async function atOnce(input: ConvergeInput, plan: Plan, state: State): Promise<Done> {
  if (plan.actions.length === 0 && plan.pending.length === 0)
    return { plan, state, stateOf: () => state, result: { outcomes: [], again: false, cut: false } }
  return { plan, state, stateOf: () => state, result: await apply(input.connection, plan, input) }
}

/** What leaves may take more along than can be known before: the rest is planned by a second look. */
async function inTwo(input: ConvergeInput, plan: Plan, state: State): Promise<Done> {
  const { connection, graph, applied, signal } = input
  const leaving = {
    ...plan,
    actions: plan.actions.filter(({ removes, first, last }) => (removes || first) && !last),
    pending: [],
  }
  const first = await apply(connection, leaving, { ...input, more: true })
  const begun = new Set(leaving.actions.map(({ resource }) => resource))
  const asBefore = { plan, state, stateOf: () => state }
  if (first.again || first.cut || first.lost !== undefined) return { ...asBefore, result: first }
  try {
    const stays = applied.filter(({ id }) => graph.resources.some((one) => one.id === id))
    const now = await probe(connection, questions(graph, stays, state.system), signal)
    const rest = planLive(graph, now, applied, plan)
    const known = new Set(plan.changes.map(told))
    const news = rest.changes.filter((change) => !known.has(told(change)))
    if (news.length > 0) input.onPlan?.(news)
    const removals = plan.changes.filter(({ resource }) => !graph.resources.some(({ id }) => id === resource))
    const former = plan.changes.filter(({ resource }) => begun.has(resource))
    const whole = {
      ...plan,
      changes: [
        ...removals,
        ...rest.changes.map(
          (change) => former.find(({ resource }) => resource === change.resource) ?? change,
        ),
      ],
      actions: [...leaving.actions, ...rest.actions],
    }
    const { result } = await atOnce(input, rest, now)
    return {
      plan: whole,
      state: now,
      stateOf: (id) => (begun.has(id) ? state : now),
      result: { ...result, outcomes: [...first.outcomes, ...result.outcomes] },
    }
  } catch (error) {
    // Something has left already: that must be recorded.
    return { ...asBefore, result: { ...first, lost: error instanceof Error ? error.message : String(error) } }
  }
}

const told = ({ resource, verdict, summary }: Change) => `${resource} ${verdict} ${summary}`

/** Kinds that leave alone, and take nothing along. */
const leaveAlone = new Set([
  'file',
  'link',
  'line',
  'host',
  'hostname',
  'kernel_value',
  'group',
  'apt_repository',
  'certificate',
])

/** Whether something leaves that may have more to do with what stays than its own name says. */
function takesMore({ actions }: Plan, graph: Graph): boolean {
  const removals = actions.filter(({ removes, last }) => removes && !last)
  const simple = removals.every(
    ({ kind, script }) =>
      (leaveAlone.has(kind) && !/^(retire|renew)_unit /m.test(script)) || script.startsWith('remove_folder '),
  )
  if (!simple) return true
  const touched = new Set(removals.flatMap(({ paths }) => paths))
  return graph.resources.some((one) => filesOf(one).some((path) => touched.has(path)))
}

function summary(
  { graph, applied }: ConvergeInput,
  { plan, stateOf, result: { outcomes, lost, again, busy, cut } }: Done,
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
    manifest: nextManifest(graph, plan, stateOf, applied, outcomes),
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
