import { isDeepStrictEqual } from 'node:util'
import type { Change } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import type { Graph } from './graph.ts'
import { leavesEmpty, purgeHint, purges } from './keep.ts'
import { innerFirst } from './leaving.ts'
import { type Place, placesIn, stayingPlaces } from './places.ts'
import { unified } from './resources/difference.ts'
import { listed } from './resources/directory.ts'
import type { Entry } from './resources/kind.ts'

/** What would change, judged by what was last recorded: no look at the node. Null: nothing was ever applied. */
export function planRecorded(graph: Graph, applied: readonly Entry[] | null): Change[] {
  const hide = hider(graph.secrets)
  const owned = new Map((applied ?? []).map((entry) => [entry.id, entry]))
  const wished = new Set(graph.manifest.map(({ id }) => id))
  const leaving = innerFirst(
    (applied ?? []).toReversed().filter(({ id, skipped }) => !wished.has(id) && !skipped),
  )
  const places = stayingPlaces(graph, leaving)
  return [
    ...leaving.map((entry) => leave(graph, entry, placesIn(places, entry))),
    ...graph.manifest.map((wish) => compare(wish, owned.get(wish.id), hide)),
  ]
}

function leave(graph: Graph, entry: Entry, inside: readonly Place[]): Change {
  const { id, kind, present_before, kept } = entry
  if (present_before)
    return { resource: id, verdict: 'change', summary: `give up ${id}, which was there before` }
  const said = inside.length > 0 ? listed(inside) : ''
  if (said && !entry.keep && (kind === 'directory' || kind === 'git_checkout'))
    return { resource: id, verdict: 'skipped', summary: `${id} stays: ${said}` }
  if (!entry.keep) return { resource: id, verdict: 'change', summary: `remove ${id}` }
  if (purges(graph, entry))
    return {
      resource: id,
      verdict: 'change',
      summary: `remove ${id} with all that it holds${said && `, but ${said}`}`,
    }
  if (leavesEmpty(graph, entry))
    return { resource: id, verdict: 'change', summary: `remove ${id} if it is empty` }
  // Of a package that holds data only the program leaves.
  return kind === 'package' && !kept
    ? {
        resource: id,
        verdict: 'change',
        summary: `remove ${id}, and keep its data${purgeHint(graph, entry)}`,
      }
    : { resource: id, verdict: 'skipped', summary: `${id} is kept${purgeHint(graph, entry)}` }
}

function compare(wish: Entry, entry: Entry | undefined, hide: (text: string) => string): Change {
  const resource = wish.id
  if (!entry)
    return { resource, verdict: 'change', summary: `add ${resource}`, ...difference('', wish, hide) }
  if (entry.kept)
    return { resource, verdict: 'change', summary: `bring ${resource} back, with what was kept` }
  if (entry.incomplete)
    return { resource, verdict: 'change', summary: `try ${resource} again: it failed the last time` }
  const keys = [...new Set([...Object.keys(wish), ...Object.keys(entry)])]
  const changed = keys.filter((key) => !silent.has(key) && !isDeepStrictEqual(wish[key], entry[key]))
  if (changed.length === 0) return { resource, verdict: 'no change', summary: `${resource} is as recorded` }
  const before = typeof entry.content === 'string' ? entry.content : undefined
  return {
    resource,
    verdict: 'change',
    summary: hide(`change ${resource}: ${changed.map((key) => say(key, entry[key], wish[key])).join(', ')}`),
    ...(before === undefined ? {} : difference(before, wish, hide)),
  }
}

/** Told by another key, or no property of the wish. */
const silent = new Set([
  'id',
  'kind',
  'content',
  'notify',
  'present_before',
  'incomplete',
  'skipped',
  'from',
  'before',
  'cuts_link',
  'handlers',
  'kept',
  'spent',
])

function say(key: string, from: unknown, to: unknown): string {
  if (key.endsWith('sha256')) return key === 'sha256' ? 'content' : key.replace('_sha256', '')
  return `${key} ${JSON.stringify(from ?? null)} -> ${JSON.stringify(to ?? null)}`
}

function difference(before: string, wish: Entry, hide: (text: string) => string): { diff?: string } {
  if (typeof wish.content !== 'string') return {}
  const diff = unified(String(wish.path), hide(before), hide(wish.content))
  return diff === undefined ? {} : { diff }
}
