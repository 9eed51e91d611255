import { field, type Tree } from './fields.ts'
import type { Known } from './node.ts'
import type { Report } from './source.ts'
import { show, unknownName } from './text.ts'

/** `purge: true`, or a list of services: kept data leave with the service. It may name services that are gone already. */
export function readPurge(tree: Tree, report: Report, known: Known): true | string[] | undefined {
  const found = field(tree, [], report, 'purge')
  if (!found || found.value === false) return undefined
  if (found.value === true) return true
  if (!Array.isArray(found.value)) {
    report(found.at, `must be true, or a list of services, got ${show(found.value)}`)
    return undefined
  }
  return found.value.flatMap((id, i) => {
    const at = [...found.at, i]
    if (typeof id !== 'string' || id === '') report(at, `must be the id of a service, got ${show(id)}`)
    else {
      // A service of the repository may be gone with its folder, and its data be here still.
      if (!known.services.has(id)) report(at, unknownName('service', id, known.services.keys()), 'warning')
      return [id]
    }
    return []
  })
}
