import { isDeepStrictEqual } from 'node:util'
import type { Node, Service } from '#contracts/descriptors.ts'
import { hider } from '#kit/mask/index.ts'
import { Problem } from '#kit/problem.ts'
import { addressesIn, hideable, markedTexts, nearest, renderTree, textsIn, withDefaults } from '#language'
import { checkConfiguration } from '#language/rules.ts'
import { accessLines } from './access/lines.ts'
import { checkNotified, handlersOf, keptHandlers, unitHandlers } from './compile-handlers.ts'
import { type Draft, toResource } from './compile-item.ts'
import { refuseLinesOfOurs, refuseNamed, refuseTold } from './compile-refusals.ts'
import { packagesFirst } from './early.ts'
import { expand } from './expand.ts'
import type { Graph } from './graph.ts'
import { inOrder } from './order.ts'
import { sha256 } from './resources/file.ts'
import { kindOf } from './resources/index.ts'
import type { Resource } from './resources/kind.ts'

type Tree = Record<string, unknown>

export interface CompileInput {
  node: Node
  /** The platform's services and the repository's own. */
  catalog: readonly Service[]
  /** What `registry.resolve` answers. */
  scope: Tree
  /** Who may log in to the node. */
  keys: readonly { user: string; key: string }[]
  /** The platform's own public key. */
  platformKey: string
}

/**
 * Descriptor, catalog and variables -> the graph of a node. Pure: the same input gives the same bytes. Throws `invalid`.
 * The scope must be whole: a value that it leaves out (`$unresolved`) is taken for an option that is not set.
 */
export function compile(input: CompileInput): Graph {
  const services = chosenServices(input.node, input.catalog)
  const configuration = configurations(input, services)
  const secrets = secretsOf(input.scope, services, configuration)
  const scope = serviceScope(input, configuration)
  const drafts = new Map<string, Draft>()
  for (const service of services) compileService(service, scope, drafts)
  const resources = inOrder(
    packagesFirst(withImplied([...drafts.values()].map(({ from: _, ...resource }) => resource))),
  )
  const from = (id: string) => drafts.get(id)?.from ?? []
  const hide = hider(secrets)
  const handlers = [...services.flatMap((service) => handlersOf(service, scope)), ...unitHandlers(resources)]
  checkNotified(resources, handlers)
  refuseNamed(resources, secrets)
  refuseTold(resources, secrets)
  refuseLinesOfOurs(resources)
  return {
    node: input.node.id,
    resources,
    handlers,
    lines: factLines(services),
    manifest: resources.map((wish) => {
      const { id, kind, notify, keep } = wish
      const told = withoutSecrets(kindOf(kind).entry(wish, { hide }), hide)
      const owed = keptHandlers(notify, handlers, hide)
      const marks = {
        ...(keep && { keep, from: from(id) }),
        ...(wish.cuts_link && { cuts_link: true }),
        ...(owed.length > 0 && { handlers: owed }),
      }
      return { id, kind, notify, ...told, ...marks }
    }),
    uses: usesOf(input, services),
    secrets,
    purge: input.node.purge ?? [],
  }
}

/** Those of every node first, each after all that it requires. */
function chosenServices(node: Node, catalog: readonly Service[]): Service[] {
  const byId = new Map(catalog.map((service) => [service.id, service]))
  const base = catalog.filter((service) => service.base).map(({ id }) => id)
  const chosen = new Map<string, Service>()
  const choose = (id: string, wanted: string) => {
    if (chosen.has(id)) return
    const service = byId.get(id)
    if (!service)
      throw new Problem('invalid', { reason: `unknown service ${JSON.stringify(id)}, wanted by ${wanted}` })
    chosen.set(id, service)
    for (const required of service.requires) choose(required, `service ${id}`)
  }
  for (const id of [...base.toSorted(), ...Object.keys(node.services).toSorted()])
    choose(id, `node ${node.id}`)
  const firsts = new Set(base)
  const sorted = [...chosen.values()].toSorted((a, b) => Number(firsts.has(b.id)) - Number(firsts.has(a.id)))
  return inOrder(sorted)
}

function configurations({ node, scope }: CompileInput, services: readonly Service[]): Record<string, Tree> {
  const resolved =
    (scope[node.id] as { configuration?: Record<string, Tree> } | undefined)?.configuration ?? {}
  return Object.fromEntries(
    services.map((service) => {
      const written = resolved[service.id] ?? renderTree(node.configuration[service.id] ?? {}, scope)
      const configuration = withDefaults(service.options, written)
      // Templates are known now: what they gave must fit as well as what is written down.
      checkConfiguration(service, configuration, [], (at, message, severity) => {
        if (severity === 'warning') return
        const address = ['configuration', service.id, ...at].join('.')
        throw new Problem('invalid', { reason: `node ${node.id}, ${address}: ${message}` })
      })
      return [service.id, configuration]
    }),
  )
}

/** Texts that no plan, diff, manifest or log may show: what the registry names, and options that are marked so. */
function secretsOf(scope: Tree, services: readonly Service[], configuration: Record<string, Tree>): string[] {
  const marked = services.flatMap(({ id, options }) => markedTexts(options, configuration[id]))
  return hideable([...((scope.$secrets ?? []) as string[]), ...textsIn(scope.secrets), ...marked])
}

/** What the templates of services see: the repository's values, `node`, `access.keys`, and each service by its id. */
function serviceScope(
  { node, scope, keys, platformKey }: CompileInput,
  configuration: Record<string, Tree>,
): Tree {
  const access = { keys: accessLines({ keys, platformKey }) }
  const known = (scope[node.id] ?? {}) as Tree
  const self = {
    ...known,
    id: node.id,
    name: node.name ?? node.id,
    services: node.services,
    vars: known.vars ?? node.vars,
  }
  return { ...scope, ...configuration, node: self, access }
}

function compileService(service: Service, scope: Tree, drafts: Map<string, Draft>): void {
  const packages: string[] = []
  const placed: string[] = []
  const written: string[] = []
  const flushed: string[] = []
  const steps: string[] = []
  for (const item of expand(service, scope)) {
    const draft = toResource(service, item)
    const { id, kind } = draft
    const bare = draft.requires.length === 0
    if (kind === 'package')
      draft.requires.push(...steps, ...(bare ? [] : placedBefore(draft, placed, drafts)))
    // A command that needs nothing stands where it is written: what it prepares may be the next package.
    if (kind === 'command' && bare) steps.push(id)
    const twin = drafts.get(id)
    // What another item describes already has its place: only a repository that it may come from is new to it.
    // Packages come together, and one that fails is no reason against another.
    const alone = twin !== undefined || kind === 'package'
    const before = alone ? packages.filter((other) => other.startsWith('apt_repository:')) : packages
    draft.requires.push(...before.filter((other) => other !== id))
    // A unit is started when its files are in place.
    if (kind === 'unit') draft.requires.push(...placed)
    // What is written after a flush comes after it, what is written before it before.
    if (kind === 'flush') draft.requires.push(...written)
    draft.requires.push(...flushed)
    if (kind === 'flush') flushed.push(id)
    written.push(id)
    if (kind === 'package' || kind === 'apt_repository') packages.push(id)
    if (kind === 'file' || kind === 'link' || kind === 'absent') placed.push(id)
    drafts.set(id, twin ? merge(twin, draft) : draft)
  }
}

/** A package that needs more than packages keeps its place: after the files that are written before it. */
function placedBefore(draft: Draft, placed: readonly string[], drafts: ReadonlyMap<string, Draft>): string[] {
  if (draft.requires.every((need) => /^(package|apt_repository):/.test(need))) return []
  return placed.filter((file) => !drafts.get(file)?.requires.includes(draft.id))
}

function merge(first: Draft, second: Draft): Draft {
  const bare = ({ requires: _r, notify: _n, from: _f, ...props }: Draft) => props
  if (!isDeepStrictEqual(bare(first), bare(second)))
    throw new Problem('invalid', {
      reason: `${first.id} is wished in two ways, by service ${first.from.join(' and ')} and by service ${second.from}`,
    })
  const both = (key: 'requires' | 'notify' | 'from') => [...new Set([...first[key], ...second[key]])]
  return { ...first, requires: both('requires'), notify: both('notify'), from: both('from') }
}

/** Folders, owners and the like, where they are wished too. What is required and not there is a mistake. */
function withImplied(resources: Resource[]): Resource[] {
  const ids = new Set(resources.map(({ id }) => id))
  return resources.map((wish) => {
    const missing = wish.requires.find((id) => !ids.has(id))
    if (missing) {
      const near = nearest(missing, ids)
      throw new Problem('invalid', {
        reason: `${wish.id} requires ${missing}, which is not there${near ? `, did you mean ${near}?` : ''}`,
      })
    }
    const implied = kindOf(wish.kind).implies?.(wish) ?? []
    const requires = [...new Set([...wish.requires, ...implied])].filter(
      (id) => ids.has(id) && id !== wish.id,
    )
    return { ...wish, requires }
  })
}

/** What holds a secret is kept as a digest: enough to tell that it has changed. */
function withoutSecrets(entry: Tree, hide: (text: string) => string): Tree {
  const veil = (value: unknown): unknown => {
    if (typeof value === 'string') return hide(value) === value ? value : `sha256:${sha256(value)}`
    if (Array.isArray(value)) return value.map(veil)
    return typeof value === 'object' && value !== null ? withoutSecrets(value as Tree, hide) : value
  }
  return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, veil(value)]))
}

function factLines(services: readonly Service[]): Record<string, string> {
  return Object.fromEntries(
    services.flatMap(({ id, facts }) => Object.entries(facts).map(([name, line]) => [`${id}.${name}`, line])),
  )
}

/** Of the node's own configuration, and of services of the repository; not what a service says of itself. */
function usesOf({ node, scope }: CompileInput, services: readonly Service[]): string[] {
  const local = new Set([...services.map(({ id }) => id), 'node', 'access', 'forloop'])
  const inside = services.flatMap(({ resources, handlers, templates }) =>
    addressesIn([resources, handlers, templates]),
  )
  const root = (address: string) => address.split('.')[0] ?? ''
  const outer = inside.filter((address) => !local.has(root(address)) && Object.hasOwn(scope, root(address)))
  return [...new Set([...addressesIn([node.configuration, node.vars]), ...outer])].toSorted()
}
