import { eventMatches } from './events.ts'
import { cyclesIn } from './graph.ts'
import { type ReadNode, templatesOf } from './node.ts'
import type { At, Report } from './source.ts'
import type { ReadTask } from './task.ts'
import { addressUses, type Use } from './templates.ts'

/** Tasks that start one another for ever: by the events of their runs, over whatever detour. */
export function checkEventCycles(tasks: ReadonlyMap<string, ReadTask>): void {
  const listeners = listenersOf(tasks)
  for (const cycle of cyclesIn(tasks.keys(), (id) => listeners(id))) {
    const [from = '', to = ''] = cycle
    const read = tasks.get(to)
    const index = read?.task.triggers.events.findIndex((pattern) => isHeard(pattern, from)) ?? -1
    const at = read?.triggers.eventsAt[index] ?? ['triggers', 'events']
    read?.document.report(at, `tasks start each other for ever: ${cycle.join(' -> ')}`)
  }
}

const isHeard = (pattern: string, task: string): boolean =>
  ['start', 'success', 'error'].some((outcome) => eventMatches(pattern, `task.${task}.run.${outcome}`))

/** Plain names are looked up; only patterns with `*` are tried one by one. */
function listenersOf(tasks: ReadonlyMap<string, ReadTask>): (id: string) => string[] {
  const exact = new Map<string, string[]>()
  const open: { pattern: string; listener: string }[] = []
  for (const [listener, { task }] of tasks) {
    for (const pattern of task.triggers.events) {
      const [kind, id = ''] = pattern.split('.')
      if (pattern.includes('*')) open.push({ pattern, listener })
      else if (kind === 'task') exact.set(id, [...(exact.get(id) ?? []), listener])
    }
  }
  return (id) => [
    ...(exact.get(id) ?? []),
    ...open.filter(({ pattern }) => isHeard(pattern, id)).map(({ listener }) => listener),
  ]
}

export interface Leaf {
  uses: string[]
  /** Of them those without which it cannot be rendered. */
  needs: string[]
  at: At
  report: Report
}

/** Values of nodes that are made from one another, so that none can be first. */
export function checkAddressCycles(nodes: ReadonlyMap<string, ReadNode>): void {
  const leaves = leavesOf(nodes)
  if (leaves.size === 0) return
  const children = childrenOf(leaves.keys())
  const next = (address: string): string[] => {
    const leaf = leaves.get(address)
    // Whoever reads a tree reads all that is in it.
    return leaf
      ? leaf.uses.flatMap((use) => landing(use, children, leaves) ?? [])
      : [...(children.get(address) ?? [])]
  }
  for (const cycle of cyclesIn(leaves.keys(), next)) {
    const path = cycle.slice(0, -1).filter((address) => leaves.has(address))
    const [first = ''] = path
    const leaf = leaves.get(first)
    leaf?.report(leaf.at, `these values are made from one another: ${[...path, first].join(' -> ')}`)
  }
}

export function leavesOf(nodes: ReadonlyMap<string, ReadNode>): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>()
  for (const [id, { node, document }] of nodes) {
    for (const part of ['configuration', 'vars'] as const) {
      for (const { text, at } of templatesOf(node[part], [part])) {
        const found = usesOrNone(text)
        const addresses = (some: readonly Use[]) =>
          some.map(({ segments }) => absolute(segments.map(String), id, nodes))
        const [uses, needs] = [addresses(found), addresses(found.filter((use) => !use.optional))]
        if (uses.length > 0) leaves.set([id, ...at].join('.'), { uses, needs, at, report: document.report })
      }
    }
  }
  return leaves
}

/** A bare name in a node is one of its variables. */
function absolute(segments: string[], id: string, nodes: ReadonlyMap<string, ReadNode>): string {
  const [root = '', ...rest] = segments
  const vars = nodes.get(id)?.node.vars ?? {}
  if (root === 'vars') return [id, 'vars', ...rest].join('.')
  if (Object.hasOwn(vars, root)) return [id, 'vars', ...segments].join('.')
  return segments.join('.')
}

/** Every address above a leaf, with what lies right below it. */
export function childrenOf(addresses: Iterable<string>): Map<string, Set<string>> {
  const children = new Map<string, Set<string>>()
  for (const address of addresses) {
    let below = address
    for (let dot = below.lastIndexOf('.'); dot > 0; dot = below.lastIndexOf('.')) {
      const above = below.slice(0, dot)
      const known = children.get(above)
      if (known?.has(below)) break
      if (known) known.add(below)
      else children.set(above, new Set([below]))
      below = above
    }
  }
  return children
}

/** The leaf or tree that an address reads: itself, or the leaf whose value it looks into. */
export function landing(
  address: string,
  children: ReadonlyMap<string, unknown>,
  leaves: ReadonlyMap<string, unknown>,
): string | undefined {
  if (leaves.has(address) || children.has(address)) return address
  for (let dot = address.lastIndexOf('.'); dot > 0; dot = address.lastIndexOf('.', dot - 1)) {
    const above = address.slice(0, dot)
    if (leaves.has(above)) return above
  }
}

function usesOrNone(text: string): Use[] {
  try {
    return addressUses(text)
  } catch {
    return []
  }
}
