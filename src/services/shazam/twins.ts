import { plainName } from './facts/package.ts'
import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import type { Entry, Resource } from './resources/kind.ts'

/**
 * Only the node tells that two names are one thing: `redis:amd64` on such a machine is `redis`, `sshd` an alias of `ssh`.
 * What is owned under one name and described under another does not leave. Id of what is described -> the entry.
 */
export function twinsOf(graph: Graph, state: State, applied: readonly Entry[]): Map<string, Entry> {
  const described = new Set(graph.resources.map(({ id }) => id))
  const owned = new Set(applied.map(({ id }) => id))
  const byName = new Map<string, Resource>()
  for (const resource of graph.resources) {
    const name = realName(resource, state)
    if (name && !owned.has(resource.id)) byName.set(name, resource)
  }
  const twins = new Map<string, Entry>()
  for (const entry of applied) {
    if (described.has(entry.id)) continue
    const twin = byName.get(realName(entry, state) ?? '')
    if (twin && !twins.has(twin.id)) twins.set(twin.id, entry)
  }
  return twins
}

function realName({ kind, ...of }: Resource | Entry, state: State): string | undefined {
  const name = String((of as Record<string, unknown>).name)
  if (kind === 'package') return `package ${plainName(name, state)}`
  if (kind !== 'unit') return undefined
  const id = state.units.get(name)?.id
  return id ? `unit ${id}` : undefined
}
