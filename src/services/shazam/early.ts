import type { Resource } from './resources/kind.ts'

/**
 * Packages come first, and what apt takes them from before them: those that can be installed together are then one run
 * of apt, whatever files stand between them. One that needs anything else, itself or by what it needs, keeps its place.
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
    ...resources.filter((one) => !first.includes(one)),
  ]
}

const early = new Set(['package', 'apt_repository'])
