import { Problem } from '#kit/problem.ts'
import { addressesIn, itemName, type Missing, render } from '#language'
import { overlap } from './addresses.ts'

export type Tree = Record<string, unknown>

/** Where the leaves of one owner are rendered. */
export interface Place {
  /** What its templates see; follows the rendering of other leaves. */
  scope: Tree
  /** The full address of what a template of this owner wrote: a bare name may mean a variable of the owner. */
  canonical(address: string): string
  /** Why an address has no value, when it is one that comes with time. */
  explain(address: string): Missing | undefined
}

/** A string of the tree that may hold a template. */
export interface Leaf {
  place: Place
  /** `web.configuration.nginx.http.gzip`, items of a list by their number. */
  address: string
  /** The same and, where items of a list have names, the addresses by these. */
  names: readonly string[]
  text: string
  put(value: unknown): void
  drop(): void
}

const mayBeTemplate = (text: string): boolean => text.includes('{{') || text.includes('{%')

/** Every template below `holder[key]`. A missing one is dropped with the nearest key of a map that holds it. */
export function leavesOf(
  place: Place,
  holder: Tree,
  key: string,
  address: string,
  names: readonly string[] = [address],
): Leaf[] {
  return walk(
    holder[key],
    address,
    names,
    (value) => {
      holder[key] = value
    },
    () => {
      delete holder[key]
    },
  )

  function walk(
    value: unknown,
    at: string,
    names: readonly string[],
    put: Leaf['put'],
    drop: Leaf['drop'],
  ): Leaf[] {
    if (typeof value === 'string')
      return mayBeTemplate(value) ? [{ place, address: at, names, text: value, put, drop }] : []
    if (Array.isArray(value))
      return value.flatMap((item, i) =>
        walk(
          item,
          `${at}.${i}`,
          below(names, itemName(item) ?? '', String(i)),
          (next) => {
            value[i] = next
          },
          drop,
        ),
      )
    if (typeof value !== 'object' || value === null) return []
    const tree = value as Tree
    return Object.keys(tree).flatMap((name) =>
      leavesOf(place, tree, name, `${at}.${name}`, below(names, name)),
    )
  }
}

const below = (above: readonly string[], ...keys: string[]): string[] =>
  above.flatMap((each) => keys.filter(Boolean).map((key) => `${each}.${key}`))

/**
 * Renders leaves, each after those that it uses, and returns what could not be rendered.
 * Throws `invalid` when leaves use each other in a circle.
 */
export function renderLeaves(leaves: readonly Leaf[]): Map<Leaf, Missing> {
  const byHead = Map.groupBy(leaves, ({ address }) => address.split('.', 1)[0])
  const done = new Set<Leaf>()
  const missing = new Map<Leaf, Missing>()
  const trail: Leaf[] = []
  for (const leaf of leaves) settle(leaf)
  for (const leaf of missing.keys()) leaf.drop()
  return missing

  function settle(leaf: Leaf): void {
    if (done.has(leaf)) return
    if (trail.includes(leaf)) throw circle([...trail.slice(trail.indexOf(leaf)), leaf])
    trail.push(leaf)
    const addresses = addressesIn(leaf.text)
    const used = addresses.flatMap(leavesUsedBy)
    for (const other of used) settle(other)
    trail.pop()
    done.add(leaf)
    const broken = used.find((other) => missing.has(other))
    const cause = broken && missing.get(broken)
    if (broken && cause)
      missing.set(leaf, { ...cause, reason: `${broken.address} is not known: ${cause.reason}` })
    else renderOne(leaf, addresses)

    function leavesUsedBy(address: string): Leaf[] {
      const full = leaf.place.canonical(address)
      return (byHead.get(full.split('.', 1)[0]) ?? []).filter((other) =>
        other.names.some((name) => overlap(name, full)),
      )
    }
  }

  function renderOne(leaf: Leaf, addresses: readonly string[]): void {
    const { place, text } = leaf
    try {
      leaf.put(render(text, place.scope))
    } catch (error) {
      const later = addresses.map((address) => place.explain(place.canonical(address))).find(Boolean)
      const reason = error instanceof Problem ? String(error.data.reason) : String(error)
      missing.set(leaf, later ?? { reason, waits_for: null })
    }
  }
}

const circle = (leaves: readonly Leaf[]): Problem =>
  new Problem('invalid', {
    reason: `values refer to each other in a circle: ${leaves.map(({ address }) => address).join(' → ')}`,
  })
