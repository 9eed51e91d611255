import type { Finding, Infrastructure, Service } from '#contracts/descriptors.ts'
import { Bounds } from './bounds.ts'
import { checkAddressCycles, checkEventCycles } from './cycles.ts'
import { readDescriptors } from './descriptors.ts'
import type { EngineRules } from './engine-rules.ts'
import { lfsPointerFindings } from './lfs-pointers.ts'
import { type Known, type ReadNode, readNode, templatesOf } from './node.ts'
import { privateKeyFindings } from './private-keys.ts'
import { providerKeysOf } from './provider-keys.ts'
import { checkTemplate, type World } from './references.ts'
import { checkRepositoryServices, readRepositoryServices } from './repository-services.ts'
import { checkScripts, readScripts } from './scripts.ts'
import { checkServiceNames } from './service-names.ts'
import { type ReadTask, readTask } from './task.ts'
import { checkTargetServices, checkTaskTemplates, checkWebhooks } from './task-checks.ts'
import { compare, sortFindings } from './text.ts'
import { checkWaits } from './waits.ts'

export interface File {
  path: string
  /** Text; base64 of what `isBinary` says. */
  content: string
}

export interface CheckOptions {
  catalog: readonly Service[]
  /** `owner/name`. */
  repo?: string
  /** Names of the variables set apart from the descriptors. Without them an unknown bare name is only a warning. */
  variables?: readonly string[]
  /** Names of secrets that are set. Without them references to secrets go unchecked. */
  secrets?: readonly string[]
  /** Credentials that nodes may name: name -> provider. Without them references to credentials go unchecked. */
  credentials?: ReadonlyMap<string, string>
  /** Providers that nodes may name. */
  providers?: readonly string[]
  /** What nodes may ask of the platform's own Docker engine. Without it that goes unchecked. */
  engine?: EngineRules
  /**
   * The commit was accepted before: what leaves its infrastructure as it is, such as an empty file, is a warning. Without
   * this a rule that is newer than a commit would lock its nodes.
   */
  accepted?: boolean
}

export interface Checked {
  /** Canonical when no finding is an error; what could be read otherwise. */
  infrastructure: Infrastructure
  /** All, sorted by path and line. */
  findings: Finding[]
}

/** Judges the files of a repository, all of them together. Files outside of its known folders are ignored. */
export function checkRepository(files: readonly File[], options: CheckOptions): Checked {
  const findings: Finding[] = []
  const accepted = options.accepted === true
  const bounds = new Bounds()
  const sorted = [...files].sort((a, b) => compare(a.path, b.path))
  findings.push(...privateKeyFindings(sorted, accepted), ...lfsPointerFindings(sorted, accepted))
  const own = readRepositoryServices(sorted, options.catalog, findings, accepted, bounds)
  const services = new Map([...options.catalog, ...own.services].map((service) => [service.id, service]))
  checkRepositoryServices(own, services, findings)
  const scripts = readScripts(sorted, findings, accepted)
  const drafts = readDescriptors(sorted, findings, accepted, bounds)
  const known: Known = {
    services,
    broken: own.broken,
    providers: options.providers ?? Object.keys(providerKeysOf),
    credentials: options.credentials,
    ...(options.engine && { engine: { rules: options.engine, repo: options.repo ?? 'local/local' } }),
    nodes: new Set(drafts.nodes.keys()),
    tasks: new Set(drafts.tasks.keys()),
    scripts,
  }
  const nodes = mapValues(drafts.nodes, (document, id) => readNode(id, document, known))
  const tasks = mapValues(drafts.tasks, (document, id) => readTask(id, document, known))
  const world: World = {
    nodes,
    services,
    variables: options.variables && new Set(options.variables),
    secrets: options.secrets && new Set(options.secrets),
  }
  checkReferences(nodes, tasks, scripts, world, findings)
  if (!accepted) checkServiceNames(own.documents, world, findings)
  const infrastructure: Infrastructure = {
    repo: options.repo ?? 'local/local',
    commit: null,
    nodes: [...nodes.values()].map(({ node }) => node),
    tasks: [...tasks.values()].map(({ task }) => task),
    scripts,
    services: own.services,
  }
  return { infrastructure, findings: boundFindings(findings) }
}

function checkReferences(
  nodes: ReadonlyMap<string, ReadNode>,
  tasks: ReadonlyMap<string, ReadTask>,
  scripts: Readonly<Record<string, string>>,
  world: World,
  findings: Finding[],
): void {
  for (const read of nodes.values()) checkNodeTemplates(read, world)
  for (const read of tasks.values()) {
    checkTaskTemplates(read, world)
    checkTargetServices(read, world)
  }
  checkScripts(scripts, tasks, world, findings)
  checkWebhooks(tasks, world.secrets)
  checkEventCycles(tasks)
  checkAddressCycles(nodes)
  checkWaits(nodes)
}

function checkNodeTemplates({ node, document }: ReadNode, world: World): void {
  const scope = { kind: 'node', variables: new Set(Object.keys(node.vars)) } as const
  for (const part of ['configuration', 'vars'] as const)
    for (const { text, at } of templatesOf(node[part], [part])) {
      if (document.isFull()) return
      checkTemplate(text, at, document.report, scope, world)
    }
}

function mapValues<A, B>(map: ReadonlyMap<string, A>, change: (value: A, key: string) => B): Map<string, B> {
  return new Map([...map].map(([key, value]) => [key, change(value, key)]))
}

const maxFindings = 1000

/** Sorted; of very many the first, errors before warnings, so that what is refused stays refused. */
function boundFindings(findings: readonly Finding[]): Finding[] {
  if (findings.length <= maxFindings) return sortFindings(findings)
  const errors = findings.filter(({ severity }) => severity === 'error')
  const warnings = findings.filter(({ severity }) => severity !== 'error')
  const kept = [...sortFindings(errors), ...sortFindings(warnings)].slice(0, maxFindings)
  const message = `there are ${findings.length} findings: the first ${maxFindings} are shown`
  const severity = errors.length > 0 ? 'error' : 'warning'
  return sortFindings([...kept, { severity, path: '.', line: 1, column: 1, at: '', message }])
}
