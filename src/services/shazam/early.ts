import type { Resource } from './resources/kind.ts'

/**
 * Packages come first, and what apt takes them from before them: those that can be installed together are then one run
 * of apt, whatever files stand between them. Those that need anything else, themselves or by what they need, wait for it
 * and come together at the place of the first of them.
 */
export function packagesFirst<T extends Resource>(resources: readonly T[]): T[] {
  const byId = new Map(resources.map((one) => [one.id, one]))
  const known = new Map<string, boolean>()
  const movable = (one: T): boolean => {
    const told = known.get(one.id)
    if (told !== undefined) return told
    // A cycle is refused later, with its path.
    known.set(one.id, false)
    const needs = one.requires.map((id) => byId.get(id)).filter((need) => need !== undefined)
    const may = early.has(one.kind) && needs.every(movable)
    known.set(one.id, may)
    return may
  }
  const first = resources.filter(movable)
  const sources = first.filter(({ kind }) => kind === 'apt_repository')
  return [
    ...sources,
    ...first.filter((one) => !sources.includes(one)),
    ...heldTogether(
      resources.filter((one) => !first.includes(one)),
      byId,
    ),
  ]
}

/** What each of the packages here needs is prepared before the first of them: PostgreSQL and Redis are one run of apt. */
function heldTogether<T extends Resource>(rest: readonly T[], byId: ReadonlyMap<string, T>): T[] {
  const packages = rest.filter(({ kind }) => kind === 'package')
  // One that needs another of them by way of something else is a run of its own whatever is done.
  const together = packages.filter((one) => {
    const needs = needsOf(one, byId)
    return packages.every((other) => other === one || !needs.has(other.id))
  })
  const [first] = together
  if (!first) return [...rest]
  const at = rest.indexOf(first)
  const needed = new Set(together.flatMap((one) => [...needsOf(one, byId)]))
  const prepared = rest.filter(({ id }) => needed.has(id))
  return [...new Set([...rest.slice(0, at), ...prepared, ...together, ...rest])]
}

/** Ids of all that a resource needs, itself or by what it needs. */
function needsOf(one: Resource, byId: ReadonlyMap<string, Resource>): Set<string> {
  const found = new Set<string>()
  const visit = ({ requires }: Resource): void => {
    for (const id of requires) {
      const need = byId.get(id)
      if (!need || found.has(id)) continue
      found.add(id)
      visit(need)
    }
  }
  visit(one)
  return found
}

const early = new Set(['package', 'apt_repository'])
