import type { Option, Service } from '#contracts/descriptors.ts'

type Tree = Record<string, unknown>

/** Shorter ones would turn every other word of a diff into stars. */
const SHORTEST = 4

/** Texts that no plan, diff, manifest or log may show: the repository's secrets, and options that are marked so. */
export function secretsIn(
  scope: Tree,
  services: readonly Service[],
  configuration: Record<string, Tree>,
): string[] {
  const found = new Set<string>()
  leaves(scope.secrets, found)
  for (const { id, options } of services) marked(options, configuration[id], found)
  return [...found]
    .filter((text) => text.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1))
}

function leaves(value: unknown, found: Set<string>): void {
  if (typeof value === 'string') found.add(value)
  else if (typeof value === 'number') found.add(String(value))
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) leaves(item, found)
}

function marked(options: Record<string, Option>, value: unknown, found: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) marked(options, item, found)
  else if (typeof value === 'object' && value !== null)
    for (const [name, option] of Object.entries(options)) {
      const inner = (value as Tree)[name]
      if (option.secret) leaves(inner, found)
      else if (option.options) marked(option.options, inner, found)
    }
}
