import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Input } from '#contracts'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import { together } from '#kit/together.ts'
import type { Graph } from './graph.ts'
import type { Shazam } from './shazam.ts'
import { compileWish, type Known, knownOf } from './wish.ts'

type Tree = Record<string, unknown>
type At = Pick<Input<'registry.resolve'>, 'commit' | 'next'>

/** The wishes of many nodes, out of one question to the registry. Throws `invalid`, NotYet. */
export type Wishes = (node: Node) => Promise<Graph>
export type OpenWishes = (infrastructure: Infrastructure, at: At) => Promise<Wishes>

interface Kept {
  graph: Graph
  /** Of the values elsewhere that went into it. */
  values: string
}

/** Graphs that are kept, the latest used. */
const KEPT = 2000

/**
 * Compiling is pure, and a push changes few nodes: a graph is kept with all that went into it, and compiled again only
 * when something of that is another. What a push was judged by is what its syncs apply.
 */
export function createWishes(shazam: Shazam): OpenWishes {
  const kept = new Map<string, Kept>()
  const ask = askTogether(shazam)

  return async (infrastructure, at) => {
    const { repo } = infrastructure
    const known = await ask(repo, at)
    const { scope, ...rest } = known
    const common = digest([repo, infrastructure.services, scope.secrets, scope.$secrets, rest])
    return async (node) => {
      const own = seenFrom(node.id, scope)
      const key = digest([common, node, scope[node.id]])
      const former = kept.get(key)
      if (former && former.values === valuesAt(former.graph.uses, own, scope)) {
        keep(key, former)
        return former.graph
      }
      // Other work of the process goes on between two that take their time.
      await setImmediate()
      const graph = compileWish(shazam, infrastructure, node, { ...known, scope: { ...scope, ...own } })
      keep(key, { graph, values: valuesAt(graph.uses, own, scope) })
      return graph
    }
  }

  function keep(key: string, one: Kept): void {
    kept.delete(key)
    kept.set(key, one)
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break
      kept.delete(oldest)
    }
  }
}

/** Many nodes are synced at once, and the answer is as big as the repository. */
function askTogether(shazam: Shazam) {
  const ask = together(
    ({ repo, at }: { repo: string; at: At }) => `${repo} ${at.commit}`,
    ([{ repo, at }]) => knownOf(shazam, repo, at),
  )
  return (repo: string, at: At): Promise<Known> => (at.next ? knownOf(shazam, repo, at) : ask({ repo, at }))
}

/**
 * What a node sees otherwise than the tree of `registry.resolve` without a node: its variables stand bare and in `vars`,
 * over the repository's.
 */
function seenFrom(id: string, scope: Known['scope']): Tree {
  const vars = (scope[id] as { vars?: Tree } | undefined)?.vars ?? {}
  const common = (scope.vars ?? {}) as Tree
  const bare = Object.entries(vars).filter(
    ([name]) => !Object.hasOwn(scope, name) || (Object.hasOwn(common, name) && scope[name] === common[name]),
  )
  return { ...Object.fromEntries(bare), vars: { ...common, ...vars } }
}

function valuesAt(addresses: readonly string[], own: Tree, scope: Tree): string {
  return digest(
    addresses.map((address) => {
      const [root = '', ...rest] = address.split('.')
      return valueAt(rest, Object.hasOwn(own, root) ? own[root] : scope[root])
    }),
  )
}

/** As far as it leads: what is only known when a template is rendered is read with all that is around it. */
function valueAt(segments: readonly string[], tree: unknown): unknown {
  let value = tree
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) break
    value = (value as Tree)[segment]
  }
  return value ?? null
}

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64')
