import type { NodeRecord } from '#contracts/registry.ts'
import type { Outcome } from './apply.ts'
import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { staysKnown } from './keep.ts'
import { normalEntries } from './normal.ts'
import type { Plan } from './plan.ts'
import { kindOf } from './resources/index.ts'
import type { Entry } from './resources/kind.ts'

/** What we own on a node, by its record; null when nothing was ever applied. Former spellings of ids are read as today's. */
export const ownedOf = (record?: Pick<NodeRecord, 'applied'>): Entry[] | null =>
  record?.applied ? normalEntries(record.applied.manifest as Entry[]) : null

/**
 * What we own after an apply: all that is wished and there, and of what failed what may have been left behind. Nothing
 * that was owned is forgotten before it is really gone. `stateOf` is the node as it was before a resource was touched.
 */
export function nextManifest(
  graph: Graph,
  plan: Plan,
  stateOf: (id: string) => State,
  applied: readonly Entry[],
  outcomes: readonly Outcome[],
): Entry[] {
  const owned = applied.filter(({ skipped }) => !skipped)
  const before = new Map([...owned.map((entry) => [entry.id, entry] as const), ...plan.twins])
  const results = new Map(outcomes.map(({ resource, result }) => [resource, result]))
  const actions = new Map(plan.actions.map((action) => [action.resource, action]))
  const verdicts = new Map(plan.changes.map(({ resource, verdict }) => [resource, verdict]))
  const done = (id: string) =>
    !actions.has(id) || results.get(id) === 'changed' || results.get(id) === 'unchanged'
  const wished = new Set(graph.manifest.map(({ id }) => id))
  const twins = new Set([...plan.twins.values()].map(({ id }) => id))
  const waiting = new Set(plan.waiting)
  const leaving = owned.filter(({ id }) => !wished.has(id) && !twins.has(id))
  const leftOver = leaving.filter(({ id }) => !done(id))
  const kept = leaving
    .filter((entry) => done(entry.id))
    .flatMap((entry): Entry[] => {
      if (waiting.has(entry.id)) return [emptied(entry)]
      if (actions.get(entry.id)?.last)
        return results.get(entry.id) === 'changed' ? [] : [{ ...entry, kept: true, spent: true }]
      return staysKnown(graph, entry, verdicts.get(entry.id)) ? [{ ...entry, kept: true }] : []
    })
  const wishes = graph.manifest.flatMap((entry): Entry[] => {
    const old = before.get(entry.id)
    if (verdicts.get(entry.id) === 'skipped') return [old ?? { ...entry, skipped: true }]
    const made = actions.get(entry.id)?.made === true
    const state = stateOf(entry.id)
    const past = { ...presence(graph, entry, old, state, made), ...beforeOf(graph, entry, old, state) }
    const whole = { ...entry, ...past }
    if (done(entry.id)) return [whole]
    // Not tried: as it was. Tried: it may be half there, so it must be known when it is wished no more.
    if (results.get(entry.id) === 'skipped' || !results.has(entry.id))
      return old ? [{ ...old, incomplete: true }] : []
    return [{ ...(old ?? whole), ...past, incomplete: true }]
  })
  // What waits for others to leave was there before them: it leaves after them.
  return [...kept, ...leftOver, ...wishes]
}

/** What it held has left or is described otherwise: it leaves when it is empty. */
const emptied = ({ keep: _, from: __, kept: ___, ...entry }: Entry): Entry => entry as Entry

function presence(
  graph: Graph,
  { id, kind }: Entry,
  old: Entry | undefined,
  state: State,
  made: boolean,
): { present_before?: true } {
  if (old) return old.present_before ? { present_before: true } : {}
  const wish = graph.resources.find((resource) => resource.id === id)
  const brought = wish && kindOf(kind).brought?.(wish, state)
  return made || brought || state.made.has(id) ? {} : { present_before: true }
}

function beforeOf(
  graph: Graph,
  { id, kind }: Entry,
  old: Entry | undefined,
  state: State,
): { before?: Record<string, unknown> } {
  const wish = graph.resources.find((resource) => resource.id === id)
  const before = old ? old.before : wish && kindOf(kind).before?.(wish, state)
  return before ? { before } : {}
}
