import { createHash } from 'node:crypto'
import { noQuestions, type Questions, type State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import type { Plan } from './plan.ts'
import { canonical } from './providers/index.ts'
import { kindOf } from './resources/index.ts'
import type { Entry } from './resources/kind.ts'

/**
 * Names what would be done and what it was judged by: where two plans have the same digest, the second does to the
 * same state the same things. What needs no change takes no part: it is allowed to differ in what nobody wishes.
 */
export function digestOf(graph: Graph, state: State, plan: Plan, applied: readonly Entry[]): string {
  const moving = new Map(
    plan.changes.flatMap((change) =>
      change.verdict === 'no change' ? [] : [[change.resource, [change.verdict, change.summary]] as const],
    ),
  )
  const asked = noQuestions()
  for (const wish of graph.resources) if (moving.has(wish.id)) kindOf(wish.kind).ask(wish, asked)
  for (const entry of applied) if (moving.has(entry.id)) kindOf(entry.kind).ask(entry, asked)
  const { hostname, static_hostname, hosts } = state.system
  // A container is shown those of its host too.
  const swaps = state.system.swaps.filter((path) => moving.has(`swap:${path}`))
  const whole = moving.size > 0 ? [hostname, static_hostname, hosts, swaps] : []
  const actions = plan.actions.map(({ resource, script }) => [resource, script])
  return hash([[...moving], actions, plan.pending, whole, answersTo(asked, state)])
}

/** Each thing that was asked for, with what was found. */
function answersTo(asked: Questions, state: State): unknown[] {
  return Object.entries(asked).flatMap(([question, names]) => {
    const found = question === 'paths' || question === 'hashes' ? state.files : state[question as keyof State]
    if (!(found instanceof Map) || !('keys' in names)) return []
    return [...names.keys()].map((name) => [question, name, found.get(name) ?? null])
  })
}

/** Of a server that does not exist yet, the wish is all that can be named. */
export const digestOfWish = (graph: Graph, descriptor: unknown): string => hash([descriptor, graph.manifest])

const hash = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex')
