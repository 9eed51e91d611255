import type { Infrastructure, Node, Service } from '#contracts/descriptors.ts'
import type { NodeRecord, Unresolved, Variable } from '#contracts/registry.ts'
import { hider } from '#kit/mask/index.ts'
import { Problem } from '#kit/problem.ts'
import { hideable, type Missing, markedTexts, notYet, vacancies, withDefaults } from '#language'
import { servicesOf } from '#language/service-graph.ts'
import { headOf } from './addresses.ts'
import { type Leaf, leavesOf, type Place, renderLeaves, type Tree } from './leaves.ts'

export interface Sources {
  infrastructure: Infrastructure
  records: readonly NodeRecord[]
  variables: readonly Variable[]
  catalog: readonly Service[]
  /** NAME -> value. */
  secrets: ReadonlyMap<string, string>
  /** Address -> value: `passwords.NAME`, or that of an option marked `generate`. */
  passwords: ReadonlyMap<string, string>
  /** Texts that nothing may show, besides what is marked in descriptors. */
  hidden: readonly string[]
}

/** Whose variables stand bare. */
export interface Viewer {
  node?: string | undefined
  task?: string | undefined
}

/** Whose a task's variables are while they are rendered; no name of a node can be like it. */
const TASK = '$task'

/**
 * The tree in which templates are resolved, as one sees it: contract of `registry.resolve`. What a descriptor wrote is a
 * template; what was set through the registry is a value and never rendered.
 * Throws `not_found` for a node or task that is not there.
 */
export function buildScope(sources: Sources, viewer: Viewer): Tree {
  const { node, task } = viewer
  if (node !== undefined && !sources.infrastructure.nodes.some(({ id }) => id === node))
    throw new Problem('not_found', { what: `node ${node} in ${sources.infrastructure.repo}` })
  const { nodes, sealed, told, views } = build(sources, [{ node, task }])
  const [vars = {}] = views
  return { ...vars, ...nodes, ...sealed, vars, ...told }
}

/** The same as nobody sees it, and in `$views` the variables as each of these nodes sees them in this task. */
export function buildScopes(sources: Sources, viewers: readonly string[], task?: string): Tree {
  const known = new Set(sources.infrastructure.nodes.map(({ id }) => id))
  const there = viewers.filter((node) => known.has(node))
  const { nodes, sealed, told, views } = build(
    sources,
    there.map((node) => ({ node, task })),
  )
  const vars = setIn(sources.variables, 'repo')
  const $views = Object.fromEntries(there.map((node, at) => [node, views[at]]))
  return { ...vars, ...nodes, ...sealed, vars, ...told, $views }
}

interface Built {
  nodes: Record<string, NodeTree>
  sealed: Tree
  told: { $unresolved: Unresolved[]; $secrets: string[] }
  /** The variables as each viewer sees them. */
  views: Tree[]
}

function build(sources: Sources, viewers: readonly Viewer[]): Built {
  const { infrastructure, variables } = sources
  const shared = setIn(variables, 'repo')
  const sealed = {
    secrets: Object.fromEntries(sources.secrets),
    passwords: namedPasswords(sources.passwords),
  }
  const nodes = nodeTrees(sources)

  const placeOf = (holders: Record<string, Tree>): Place => ({
    scope: scopeOf([shared, ...Object.values(holders)]),
    canonical: (address) => canonical(address, nodes, holders),
    explain: (address) => notYet(address, nodes),
  })
  // `vars.color` and `color` are the same, the narrower place first.
  function scopeOf(layers: readonly Tree[]): Tree {
    const vars = liveView(layers)
    return liveView([vars, nodes, { ...sealed, vars }])
  }
  const leaves = Object.entries(nodes).flatMap(([id, tree]) => {
    const place = placeOf({ [`${id}.vars`]: tree.vars })
    const written = writtenVariables(infrastructure, variables, id)
    return [
      ...written.flatMap((name) => leavesOf(place, tree.vars, name, `${id}.vars.${name}`)),
      ...leavesOf(place, tree as Tree, 'configuration', `${id}.configuration`),
    ]
  })
  const seats = viewers.map(({ node, task }, at) => {
    const head = `${TASK}${at}`
    const own: Tree = node === undefined ? {} : (nodes[node]?.vars ?? {})
    const { all, written } = taskVariables(sources, task)
    const place = placeOf({ ...(node !== undefined && { [`${node}.vars`]: own }), [head]: all })
    return {
      head,
      leaves: written.flatMap((name) => leavesOf(place, all, name, `${head}.${name}`)),
      vars: () => ({ ...shared, ...own, ...all }),
    }
  })
  const missing = renderLeaves([...leaves, ...seats.flatMap((seat) => seat.leaves)])
  const ownerOf = (head: string): Unresolved['node'] => {
    const at = seats.findIndex((seat) => seat.head === head)
    return at === -1 ? head : (viewers[at]?.node ?? null)
  }
  const lacking = [...missing].map(([leaf, why]) => unresolved(leaf, why, ownerOf))
  return {
    nodes,
    sealed,
    told: hidden(sources, nodes, lacking),
    views: seats.map((seat) => seat.vars()),
  }
}

/** What nothing may show, and what is missing, with reasons that do not show it. */
function hidden(
  { infrastructure, catalog, hidden: texts }: Sources,
  nodes: Record<string, NodeTree>,
  missing: readonly Unresolved[],
): { $unresolved: Unresolved[]; $secrets: string[] } {
  const services = [...catalog, ...infrastructure.services]
  const marked = Object.values(nodes).flatMap(({ configuration }) =>
    services.flatMap(({ id, options }) => markedTexts(options, (configuration as Tree)[id])),
  )
  const $secrets = hideable([...texts, ...marked])
  const hide = hider($secrets)
  return { $unresolved: missing.map((each) => ({ ...each, reason: hide(each.reason) })), $secrets }
}

export interface NodeTree extends Tree {
  vars: Tree
}

function nodeTrees(sources: Sources): Record<string, NodeTree> {
  const { infrastructure, records, variables, passwords } = sources
  const services = servicesFor(sources)
  const recorded = new Map(records.map((record) => [record.node, record]))
  return Object.fromEntries(
    infrastructure.nodes.map((node) => {
      const record = recorded.get(node.id)
      const tree: NodeTree = {
        id: node.id,
        name: node.name ?? node.id,
        ...(record?.server && { ip: record.server.host }),
        ...(record?.facts.pub_key !== undefined && { pub_key: record.facts.pub_key }),
        facts: record?.facts ?? {},
        configuration: configurationOf(node, services),
        vars: { ...structuredClone(node.vars), ...setIn(variables, `node:${node.id}`) },
      }
      for (const { address, put } of vacant(node.id, tree.configuration as Tree, services)) {
        const password = passwords.get(address)
        if (password !== undefined) put(password)
      }
      return [node.id, tree]
    }),
  )
}

const servicesFor = ({ catalog, infrastructure }: Pick<Sources, 'catalog' | 'infrastructure'>) =>
  new Map([...catalog, ...infrastructure.services].map((service) => [service.id, service]))

/** Addresses of options of all nodes whose value the platform makes. */
export function vacantAddresses(sources: Pick<Sources, 'catalog' | 'infrastructure'>): string[] {
  const services = servicesFor(sources)
  return sources.infrastructure.nodes.flatMap((node) =>
    vacant(node.id, configurationOf(node, services), services).map(({ address }) => address),
  )
}

const vacant = (node: string, configuration: Tree, services: ReadonlyMap<string, Service>) =>
  Object.entries(configuration).flatMap(([id, tree]) =>
    vacancies(services.get(id)?.options ?? {}, tree, `${node}.configuration.${id}`),
  )

const NAMED = 'passwords.'
const namedPasswords = (passwords: ReadonlyMap<string, string>): Tree =>
  Object.fromEntries(
    [...passwords]
      .filter(([address]) => address.startsWith(NAMED))
      .map(([address, value]) => [address.slice(NAMED.length), value]),
  )

/** With the defaults of all services that the node has, also those that it does not name. */
function configurationOf(node: Node, services: ReadonlyMap<string, Service>): Tree {
  const merged: Tree = { ...node.configuration }
  for (const id of servicesOf(Object.keys(node.services), services)) {
    const service = services.get(id)
    if (service) merged[id] = withDefaults(service.options, node.configuration[id] ?? {})
  }
  return structuredClone(merged)
}

const setIn = (variables: readonly Variable[], scope: string): Tree =>
  Object.fromEntries(variables.filter((each) => each.scope === scope).map(({ name, value }) => [name, value]))

function writtenVariables(
  infrastructure: Infrastructure,
  variables: readonly Variable[],
  id: string,
): string[] {
  const set = setIn(variables, `node:${id}`)
  const written = infrastructure.nodes.find((node) => node.id === id)?.vars ?? {}
  return Object.keys(written).filter((name) => !Object.hasOwn(set, name))
}

function taskVariables({ infrastructure, variables }: Sources, id: string | undefined) {
  if (id === undefined) return { all: {}, written: [] }
  const task = infrastructure.tasks.find((each) => each.id === id)
  if (!task) throw new Problem('not_found', { what: `task ${id} in ${infrastructure.repo}` })
  const set = setIn(variables, `task:${id}`)
  const all: Tree = { ...structuredClone(task.vars), ...set }
  return { all, written: Object.keys(task.vars).filter((name) => !Object.hasOwn(set, name)) }
}

/** The keys of all trees as one; of equal keys the last tree's. Values are read anew each time. */
function liveView(trees: readonly Tree[]): Tree {
  const holderOf = (key: PropertyKey) => trees.findLast((tree) => Object.hasOwn(tree, key))
  // Made for each node, so nothing may be copied into it: a repository has many.
  return new Proxy<Tree>(
    {},
    {
      get: (_, key) => holderOf(key)?.[key as string],
      has: (_, key) => holderOf(key) !== undefined,
      ownKeys: () => [...new Set(trees.flatMap((tree) => Object.keys(tree)))],
      getOwnPropertyDescriptor(_, key) {
        const holder = holderOf(key)
        return holder && { value: holder[key as string], enumerable: true, configurable: true }
      },
    },
  )
}

function canonical(address: string, nodes: Tree, holders: Record<string, Tree>): string {
  const head = headOf(address)
  if (head === 'secrets' || head === 'passwords' || (head !== 'vars' && Object.hasOwn(nodes, head)))
    return address
  const bare = head === 'vars' ? address.slice('vars.'.length) : address
  const name = headOf(bare)
  const holder = Object.keys(holders).findLast((prefix) => Object.hasOwn(holders[prefix] ?? {}, name))
  return holder === undefined ? address : `${holder}.${bare}`
}

function unresolved(
  { address }: Leaf,
  { reason, waits_for }: Missing,
  ownerOf: (head: string) => Unresolved['node'],
): Unresolved {
  const [head = '', ...rest] = address.split('.')
  const at = rest.join('.')
  return { node: ownerOf(head), at: head.startsWith(TASK) ? `vars.${at}` : at, reason, waits_for }
}
