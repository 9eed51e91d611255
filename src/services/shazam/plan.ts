import type { Change } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import { cutsLink } from './cuts.ts'
import type { State } from './facts/state.ts'
import type { Graph, Handler } from './graph.ts'
import { leavesEmpty, purgeHint, purges } from './keep.ts'
import { leavingOf } from './leaving.ts'
import { filesOf, type Place, placesIn, stayingPlaces } from './places.ts'
import { listed, removedWhenEmpty } from './resources/directory.ts'
import { kindOf } from './resources/index.ts'
import type { Entry, Resource, Step } from './resources/kind.ts'
import { twinsOf } from './twins.ts'

/** One thing to do, in order. */
export interface Action {
  resource: string
  kind: string
  script: string
  /** Resources whose failure forbids this one. */
  requires: string[]
  notify: string[]
  /** Noted on the node before it is done: it was not there before us. */
  made: boolean
  /** The resource leaves. */
  removes: boolean
  /** Done before anything leaves. */
  first: boolean
  /** It leaves after everything else. */
  last: boolean
  /** Files that it is written to. */
  paths: string[]
  /** It can cut the link to the node. */
  cuts: boolean
  /** Lines for sh that take it back, beyond giving back files. */
  undo?: string
}

export interface Plan {
  /** One for each resource, and for each that leaves. */
  changes: Change[]
  actions: Action[]
  /** Those of the graph, and those that only what leaves still names. */
  handlers: Handler[]
  /** Handlers that a former apply owes. */
  pending: string[]
  /** What is owned under another name: id of what is described -> entry. */
  twins: Map<string, Entry>
  /** Ids of what cannot leave yet. */
  waiting: string[]
  /** Paths that nothing that leaves may take along. */
  staying: string[]
}

/** Wish minus state. Pure. With `former`, what leaves has left by that plan already. */
export function planLive(graph: Graph, state: State, applied: readonly Entry[], former?: Plan): Plan {
  const hide = hider(graph.secrets)
  const twins = former?.twins ?? twinsOf(graph, state, applied)
  const owned = new Map([...applied.map((entry) => [entry.id, entry] as const), ...twins])
  const handlers = former?.handlers ?? handlersOf(graph, applied)
  const pending = handlers.map(({ id }) => id).filter((id) => state.pending.has(id))
  const plan: Plan = { changes: [], actions: [], handlers, pending, twins, waiting: [], staying: [] }
  if (!former) planRemovals(plan, graph, state, applied)
  const moving = new Set<string>()
  for (const wish of graph.resources) {
    const stale = wish.requires.some((id) => moving.has(id))
    const entry = owned.get(wish.id)
    const step = stepFor(wish, state, {
      stale,
      hide,
      notified: [...plan.pending, ...plan.actions.flatMap(({ notify }) => notify)],
      ...(entry ? { owned: entry } : {}),
    })
    if (step.script && changesOthers.has(wish.kind)) moving.add(wish.id)
    add(plan, hide, wish, step, false)
  }
  if (former) plan.actions.push(...former.actions.filter(({ last }) => last))
  return { ...plan, actions: plan.actions.toSorted((a, b) => turn(a) - turn(b)) }
}

const turn = ({ first, last }: Action): number => Number(last) - Number(first)

function planRemovals(plan: Plan, graph: Graph, state: State, applied: readonly Entry[]): void {
  const hide = hider(graph.secrets)
  const leaving = leavingOf(graph, state, applied)
  const places = stayingPlaces(graph, leaving)
  for (const entry of leaving) {
    const step = removal(graph, entry, state, placesIn(places, entry))
    if (step.waits) plan.waiting.push(entry.id)
    add(plan, hide, entry, step, true)
  }
  plan.staying = [...new Set(places.map(({ path }) => path))]
}

/** Kinds that may change more on the node than what they name. */
const changesOthers = new Set(['package', 'command', 'user'])

function stepFor(
  wish: Resource,
  state: State,
  context: Parameters<ReturnType<typeof kindOf>['plan']>[2],
): Step {
  if (wish.except === 'container' && state.system.container)
    return { verdict: 'skipped', summary: 'the node is a container: this is a matter of its host' }
  return kindOf(wish.kind).plan(wish, state, context)
}

function removal(graph: Graph, entry: Entry, state: State, inside: readonly Place[]): Step {
  const kind = kindOf(entry.kind)
  if (entry.skipped) return { verdict: 'no change', summary: 'it never was on this node' }
  if (entry.present_before && kind.keepsBefore)
    return { verdict: 'skipped', summary: 'it was there before us, and stays' }
  if (entry.kind === 'git_checkout' && inside.length > 0)
    return { verdict: 'skipped', summary: `${entry.id} stays: ${listed(inside)}`, waits: true }
  if (leavesEmpty(graph, entry) && state.files.get(entry.path as string)?.type === 'directory')
    return removedWhenEmpty(entry.path as string)
  const purge = purges(graph, entry)
  const step = kind.remove?.(entry, state, purge, inside)
  if (!step) return { verdict: 'no change', summary: `${entry.id} is owned no more` }
  const keeps = entry.keep && !entry.present_before && !purge && step.verdict !== 'no change'
  return keeps ? { ...step, summary: `${step.summary}${purgeHint(graph, entry)}` } : step
}

function add(
  plan: Plan,
  hide: (text: string) => string,
  of: Resource | Entry,
  step: Step,
  removes: boolean,
): void {
  plan.changes.push({
    resource: of.id,
    verdict: step.verdict,
    summary: hide(step.summary),
    ...(step.diff === undefined ? {} : { diff: hide(step.diff) }),
  })
  if (step.script === undefined) return
  const requires = removes ? [] : ((of as Resource).requires ?? [])
  const { id, kind, notify } = of
  plan.actions.push({
    resource: id,
    kind,
    script: step.script,
    requires,
    notify,
    made: step.creates === true,
    removes,
    paths: filesOf(of),
    first: step.first === true,
    last: step.last === true,
    cuts: cutsLink(of),
    ...(step.undo === undefined ? {} : { undo: step.undo }),
  })
}

/** A handler is owed by what leaves though nothing that stays names it: what was dropped must be out of force. */
function handlersOf(graph: Graph, applied: readonly Entry[]): Handler[] {
  const byId = new Map(applied.flatMap(({ handlers = [] }) => handlers.map((one) => [one.id, one])))
  for (const { id } of graph.handlers) byId.delete(id)
  return [...graph.handlers, ...[...byId.values()].map((handler) => ({ ...handler, left: true }))]
}
