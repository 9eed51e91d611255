type Tree = Record<string, unknown>

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Options over options: maps are gone into, lists are put together, anything else is replaced. */
export function merged(...trees: readonly Tree[]): Tree {
  const all: Tree = {}
  for (const tree of trees)
    for (const [key, value] of Object.entries(tree)) {
      const there = all[key]
      if (isTree(there) && isTree(value)) all[key] = merged(there, value)
      else all[key] = Array.isArray(there) && Array.isArray(value) ? [...there, ...value] : value
    }
  return all
}
