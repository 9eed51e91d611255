import { createHash } from 'node:crypto'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import { addressesIn } from '#language'

/**
 * Node -> a hash of everything in the repository that decides how the node should be: its descriptor, the repository's
 * own services that it uses, and the descriptors of nodes whose configuration or variables its templates mention.
 * Two commits with the same fingerprint ask the same of the node. Values that come from elsewhere (addresses, facts,
 * set variables) are announced by the registry when they move.
 */
export function fingerprints(infrastructure: Infrastructure): Map<string, string> {
  const wishes = new Map(infrastructure.nodes.map((node) => [node.id, wishFor(node, infrastructure)]))
  const texts = new Map([...wishes].map(([id, wish]) => [id, canonical(wish)]))
  const mentions = new Map([...wishes].map(([id, wish]) => [id, mentioned(wish)]))
  const prints = new Map<string, string>()
  for (const id of texts.keys()) {
    const all = [id, ...[...closure(id, mentions)].filter((other) => other !== id).sort()]
    prints.set(id, hash(all.map((each) => texts.get(each) ?? '').join('\n')))
  }
  return prints
}

const wishFor = (node: Node, infrastructure: Infrastructure) => ({
  node,
  services: ownServices(Object.keys(node.services), infrastructure),
})

/** Of the repository's own services those that are named, and those that they require in turn. */
function ownServices(named: readonly string[], { services }: Infrastructure) {
  const base = services.filter((service) => service.base).map((service) => service.id)
  const wanted = new Set<string>()
  const queue = [...named, ...base]
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    const service = services.find((service) => service.id === id)
    if (!service || wanted.has(id)) continue
    wanted.add(id)
    queue.push(...service.requires)
  }
  return services.filter((service) => wanted.has(service.id))
}

/** First names of addresses that lead into a descriptor. `web` alone may be anything of it. */
const mentioned = (wish: unknown): string[] =>
  addressesIn(wish)
    .map((address) => address.split('.'))
    .filter(([, part]) => part === undefined || part === 'configuration' || part === 'vars')
    .map(([name = '']) => name)

function closure(start: string, mentions: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>()
  const queue = [...(mentions.get(start) ?? [])]
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (seen.has(id)) continue
    seen.add(id)
    queue.push(...(mentions.get(id) ?? []))
  }
  return seen
}

/** JSON with sorted keys: the order of keys in a file says nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
