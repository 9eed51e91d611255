import type { Node } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import { type EngineRules, judgeEngineUse } from './engine-rules.ts'
import {
  asText,
  asTree,
  type Found,
  field,
  isTree,
  readVars,
  refuseUnknownKeys,
  type Tree,
} from './fields.ts'
import { checkOptions, isTemplated } from './options.ts'
import { checkProviderKeys, placeKeys } from './provider-keys.ts'
import { readPurge } from './purge.ts'
import { checkConfiguration } from './rules.ts'
import { type Services, servicesOf } from './service-graph.ts'
import type { At, Document, Report } from './source.ts'
import { show, unknownName } from './text.ts'

/** What is known while one descriptor is read. */
export interface Known {
  services: Services
  /** Services of the repository that are refused themselves. */
  broken: ReadonlySet<string>
  providers: readonly string[]
  /** Name -> provider; undefined: not known here. */
  credentials?: ReadonlyMap<string, string> | undefined
  /** Undefined: what the platform's own engine allows is not known here. */
  engine?: { repo: string; rules: EngineRules }
  nodes: ReadonlySet<string>
  tasks: ReadonlySet<string>
  scripts: Readonly<Record<string, string>>
}

export interface ReadNode {
  node: Node
  document: Document
  /** With what they require, and those of every node. */
  services: ReadonlySet<string>
}

const keys = new Set(['id', 'name', 'type', 'provider', 'services', 'configuration', 'vars', 'purge'])
const gone = {
  disabled: 'is not supported any more: a node whose file is removed is destroyed',
  providers: 'unknown key "providers", did you mean "provider"?',
}

/** A node descriptor in canonical form; whatever is wrong with it is reported. */
export function readNode(id: string, document: Document, known: Known): ReadNode {
  const { report } = document
  const tree = isTree(document.value) ? document.value : {}
  refuseUnknownKeys(tree, keys, [], report, gone)
  const name = asText(field(tree, [], report, 'name'), report)
  checkType(tree, 'server', report)
  const services = readServices(tree, report, known)
  const all = servicesOf(Object.keys(services), known.services)
  const purge = readPurge(tree, report, known)
  const node: Node = {
    id,
    ...(name !== undefined && { name }),
    type: 'server',
    provider: readProvider(tree, report, known),
    services,
    configuration: readConfiguration(tree, report, known, all),
    vars: readVars(tree, [], report),
    ...(purge !== undefined && { purge }),
  }
  return { node, document, services: all }
}

export function checkType(tree: Tree, type: string, report: Report): void {
  const found = field(tree, [], report, 'type')
  if (!found) report([], `type is missing: write "type: ${type}"`)
  else if (found.value !== type) report(found.at, `must be ${show(type)}, got ${show(found.value)}`)
}

function readProvider(tree: Tree, report: Report, known: Known): Node['provider'] {
  const found = field(tree, [], report, 'provider')
  if (!found) report([], `provider is missing: name one, known: ${known.providers.join(', ')}`)
  const written = asTree(found, report)
  if (!found || !written) return { name: '' }
  const { at } = found
  const nameFound = field(written, at, report, 'name', 'type')
  const name = asText(nameFound, report)
  if (!nameFound) report(at, `name is missing: name a provider, known: ${known.providers.join(', ')}`)
  else if (name !== undefined && !known.providers.includes(name))
    report(nameFound.at, unknownName('provider', name, known.providers))
  const { type: _type, region: _region, ...rest } = written
  const provider: Node['provider'] = { ...withoutNulls(rest), name: name ?? '' }
  for (const key of placeKeys) {
    const place =
      key === 'location' ? field(written, at, report, key, 'region') : field(written, at, report, key)
    if (!place) continue
    if (typeof place.value === 'string' || Number.isInteger(place.value))
      provider[key] = place.value as string | number
    else report(place.at, `must be an id, a string or whole number, got ${show(place.value)}`)
  }
  const credential = readCredential(written, at, report, provider.name, known)
  if (credential === undefined) delete provider.credential
  else provider.credential = credential
  checkProviderKeys(provider.name, written, at, report)
  if (known.engine && provider.name === 'docker' && (written.credential ?? null) === null)
    for (const fault of judgeEngineUse(written, known.engine.repo, known.engine.rules))
      report([...at, ...fault.at], fault.message)
  return provider
}

function readCredential(
  written: Tree,
  at: At,
  report: Report,
  provider: string,
  { credentials }: Known,
): string | undefined {
  const found = field(written, at, report, 'credential')
  if (!found || found.value === null) return undefined
  const { value } = found
  if (typeof value !== 'string' || !namePattern.test(value)) {
    report(found.at, `must be the name of a credential, got ${show(value)}`)
    return undefined
  }
  const meant = credentials?.get(value)
  if (credentials && meant === undefined)
    report(
      found.at,
      `${unknownName('credential', value, credentials.keys())}; the owner of the repository sets one with: devops credential set ${value}`,
    )
  else if (meant !== undefined && provider !== '' && meant !== provider)
    report(found.at, `credential ${show(value)} is for provider ${show(meant)}, not ${show(provider)}`)
  return value
}

const withoutNulls = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== null))

function readServices(tree: Tree, report: Report, known: Known): Record<string, string> {
  const found = field(tree, [], report, 'services')
  if (!found) return {}
  const services: Record<string, string> = {}
  for (const { id, version, at } of namedServices(found, report)) {
    if (Object.hasOwn(services, id)) report(at, `service ${show(id)} is named twice`)
    const service = known.services.get(id)
    if (!service && !known.broken.has(id)) report(at, unknownName('service', id, selectable(known.services)))
    if (service?.base) report(at, `service ${show(id)} is part of every node: leave it out`, 'warning')
    if (service?.experimental) report(at, `service ${show(id)} is experimental: it may change`, 'warning')
    services[id] = version
  }
  return services
}

const selectable = (services: Services) =>
  [...services.values()].filter((service) => !service.base).map((service) => service.id)

function namedServices(found: Found, report: Report): { id: string; version: string; at: At }[] {
  const { value, at } = found
  if (Array.isArray(value))
    return value.flatMap((id, i) => {
      if (typeof id === 'string' && id !== '') return { id, version: '*', at: [...at, i] }
      report([...at, i], `must be the id of a service, got ${show(id)}`)
      return []
    })
  if (!isTree(value)) {
    report(at, `must be a map of services and versions, or a list of services, got ${show(value)}`)
    return []
  }
  return Object.entries(value).map(([id, written]) => ({
    id,
    version: versionOf(written, [...at, id], report),
    at: [...at, id],
  }))
}

function versionOf(written: unknown, at: At, report: Report): string {
  if (typeof written === 'string' && /^(\*|[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,63})$/.test(written)) return written
  if (written !== null)
    report(at, `must be a version in quotes, or '*' for the distribution's, got ${show(written)}`)
  return '*'
}

function readConfiguration(
  tree: Tree,
  report: Report,
  known: Known,
  services: ReadonlySet<string>,
): Record<string, Tree> {
  const found = field(tree, [], report, 'configuration')
  const written = asTree(found, report) ?? {}
  const at = found?.at ?? ['configuration']
  const configuration: Record<string, Tree> = {}
  for (const [id, options] of Object.entries(written)) {
    checkConfigured(id, [...at, id], report, known, services)
    const service = known.services.get(id)
    if (service) checkConfiguration(service, options ?? {}, [...at, id], report)
    if (isTree(options)) configuration[id] = options
  }
  for (const id of services) {
    const service = known.services.get(id)
    if (!service || Object.hasOwn(written, id)) continue
    checkOptions(service.options, {}, ['configuration', id], (address, message) =>
      report(['services'], `${address.join('.')} ${message}`),
    )
  }
  return configuration
}

function checkConfigured(
  id: string,
  at: At,
  report: Report,
  known: Known,
  services: ReadonlySet<string>,
): void {
  if (known.broken.has(id)) return
  if (!known.services.has(id)) report(at, unknownName('service', id, known.services.keys()))
  else if (!services.has(id)) report(at, `the node does not have service ${show(id)}: add it to services`)
}

/** Templates of a tree with their places. */
export function* templatesOf(value: unknown, at: At): Generator<{ text: string; at: At }> {
  if (typeof value === 'string') {
    if (isTemplated(value)) yield { text: value, at }
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield* templatesOf(value[i], [...at, i])
  } else if (isTree(value)) {
    for (const key of Object.keys(value)) yield* templatesOf(value[key], [...at, key])
  }
}
