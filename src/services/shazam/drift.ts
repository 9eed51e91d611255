import { isDeepStrictEqual } from 'node:util'
import type { Input, Output } from '#contracts'
import type { Drift } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import { movedFields } from './drift-fields.ts'
import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { ownedOf } from './manifest.ts'
import { planLive } from './plan.ts'
import { lookAt } from './probe.ts'
import { planRecorded } from './recorded.ts'
import type { Entry } from './resources/kind.ts'
import { enter, type Shazam } from './shazam.ts'
import type { OpenWishes } from './wishes.ts'

/** Reads a node and tells what of it is not as it was applied. Changes nothing. Throws when it cannot be read. */
export const findDrift =
  (shazam: Shazam, openWishes: OpenWishes) =>
  async (
    { repo, node: id, commit }: Input<'shazam.drift'>,
    { signal }: { signal: AbortSignal },
  ): Promise<Output<'shazam.drift'>> => {
    const [infrastructure, record] = await Promise.all([
      shazam.infrastructureAt(repo, commit),
      shazam.bus.ask('registry.get_node', { repo, node: id }),
    ])
    const node = infrastructure.nodes.find((one) => one.id === id)
    if (!node || !record.server || !record.applied) return { fields: [] }
    const wishes = await openWishes(infrastructure, { commit })
    const graph = await wishes(node)
    const applied = ownedOf(record) ?? []
    const state = await lookAt(enter(shazam, record, record.server), graph, applied, { signal })
    return { fields: driftOf(graph, state, applied) }
  }

/**
 * What was applied, is still wished so, and is not so any more. A wish that has changed since is no drift: it has its
 * own sync. Pure.
 */
export function driftOf(graph: Graph, state: State, applied: readonly Entry[]): Drift[] {
  const asRecorded = new Set(
    planRecorded(graph, applied)
      .filter(({ verdict }) => verdict === 'no change')
      .map(({ resource }) => resource),
  )
  const entries = new Map(applied.map((entry) => [entry.id, entry]))
  const hide = hider(graph.secrets)
  return planLive(graph, state, applied)
    .changes.filter(({ verdict, resource }) => verdict === 'change' && asRecorded.has(resource))
    .flatMap(({ resource, summary }) => {
      const wish = graph.resources.find(({ id }) => id === resource)
      const entry = entries.get(resource)
      if (!wish || !entry) return []
      const fields = movedFields(wish, state)
      // A kind that says it must change, and whose fields we do not know one by one.
      const said = fields.length > 0 ? fields : [{ attribute: 'state', before: 'as applied', after: summary }]
      return said
        .filter(({ before, after }) => !isDeepStrictEqual(before, after))
        .map(({ attribute, before, after }) => ({
          resource,
          attribute,
          before: hide(before),
          after: hide(after),
        }))
    })
}
