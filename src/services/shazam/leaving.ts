import type { Leaving } from './facts/removals.ts'
import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { purges } from './keep.ts'
import { filesOf, stayingPlaces } from './places.ts'
import type { Entry } from './resources/kind.ts'
import { isTheirs, realPackages } from './resources/package.ts'
import { twinsOf } from './twins.ts'

/** What is owned and described no more, in the order in which it leaves: the last that came first. */
export function leavingOf(graph: Graph, state: State, applied: readonly Entry[]): Entry[] {
  const described = new Set(graph.resources.map(({ id }) => id))
  const twins = new Set([...twinsOf(graph, state, applied).values()].map(({ id }) => id))
  return innerFirst(applied.filter(({ id }) => !described.has(id) && !twins.has(id)).toReversed())
}

/** A folder leaves after all that is in it, homes too, whichever was described first: what was kept in it may be older. */
export function innerFirst(leaving: readonly Entry[]): Entry[] {
  const order = [...leaving]
  const pathOf = ({ path }: Entry) => (typeof path === 'string' ? path : '')
  const isIn = (entry: Entry, folder: Entry) =>
    filesOf(entry).some((path) => path.startsWith(`${pathOf(folder)}/`))
  const folders = leaving.filter(({ kind }) => kind === 'directory')
  for (const folder of folders.toSorted((a, b) => pathOf(b).length - pathOf(a).length)) {
    const at = order.indexOf(folder)
    const last = order.findLastIndex((entry) => isIn(entry, folder))
    if (last > at) order.splice(last, 0, ...order.splice(at, 1))
  }
  return order
}

/** What apt has to be asked before packages leave; undefined when none does. */
export function packagesLeaving(graph: Graph, state: State, applied: readonly Entry[]): Leaving | undefined {
  const leaving = leavingOf(graph, state, applied).filter(({ skipped }) => !skipped)
  const described = graph.resources.filter(({ kind }) => kind === 'package')
  const wanted = described.flatMap((one) => realPackages(String((one as unknown as Entry).name), state))
  const packages = leaving.filter(({ kind }) => kind === 'package')
  const leave = packages
    .filter((entry) => !isTheirs(entry, state))
    .flatMap((entry) =>
      realPackages(String(entry.name), state)
        .filter((name) => !wanted.includes(name))
        .map((name) => ({ name, purge: !entry.keep || purges(graph, entry) })),
    )
  if (leave.length === 0) return undefined
  const given = packages
    .filter((entry) => isTheirs(entry, state) && entry.before?.auto !== true)
    .flatMap(({ name }) => realPackages(String(name), state))
  const places = stayingPlaces(graph, leaving)
  return {
    leave: leave.filter(({ name }, at) => leave.findIndex((one) => one.name === name) === at),
    stay: [...new Set([...wanted, ...given])],
    kept: [...new Set(places.filter(({ data }) => data).map(({ path }) => path))],
  }
}
