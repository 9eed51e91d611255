import type { Finding, Service } from '#contracts/descriptors.ts'
import { isTree } from './fields.ts'
import { secretTrouble, type World } from './references.ts'
import { addressUses, type Use } from './templates.ts'

/** Secrets that the repository's own services name have to be there, as those that nodes and tasks name. */
export function checkServiceSecrets(
  services: readonly Service[],
  paths: ReadonlyMap<string, string>,
  world: World,
  findings: Finding[],
): void {
  for (const { id, resources, handlers, templates } of services) {
    const file = paths.get(id) ?? `services/${id}/service.yml`
    // Where in service.yml it stands is not kept: the message names the secret.
    for (const use of usesIn([resources, handlers])) tell(file, use, { line: 1, column: 1 })
    for (const [name, text] of Object.entries(templates))
      for (const use of usesIn(text)) tell(`services/${id}/templates/${name}`, use, use)
  }

  function tell(path: string, use: Use, { line, column }: Pick<Use, 'line' | 'column'>): void {
    const [root, ...rest] = use.segments.map(String)
    const trouble = root === 'secrets' && rest[0] !== undefined ? secretTrouble(rest, use, world) : undefined
    if (trouble) findings.push({ severity: 'error', path, line, column, at: '', message: trouble.message })
  }
}

/** Of every template of a tree. What is no template was told already. */
function usesIn(value: unknown): Use[] {
  if (Array.isArray(value)) return value.flatMap(usesIn)
  if (isTree(value)) return Object.values(value).flatMap(usesIn)
  if (typeof value !== 'string') return []
  try {
    return addressUses(value)
  } catch {
    return []
  }
}
