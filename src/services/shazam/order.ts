import { Problem } from '#kit/problem.ts'

/** Each after all that it requires, else in the order given. A cycle is refused with its path. */
export function inOrder<T extends { id: string; requires: string[] }>(items: readonly T[]): T[] {
  const byId = new Map(items.map((item) => [item.id, item]))
  const done = new Set<string>()
  const path: string[] = []
  const ordered: T[] = []
  const visit = (item: T): void => {
    if (done.has(item.id)) return
    const start = path.indexOf(item.id)
    if (start >= 0) {
      const cycle = [...path.slice(start), item.id].join(' needs ')
      throw new Problem('invalid', { reason: `a cycle of requirements: ${cycle}` })
    }
    path.push(item.id)
    for (const id of item.requires) {
      const needed = byId.get(id)
      if (needed) visit(needed)
    }
    path.pop()
    done.add(item.id)
    ordered.push(item)
  }
  for (const item of items) visit(item)
  return ordered
}
