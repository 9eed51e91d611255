import type { Finding, Option } from '#contracts/descriptors.ts'
import { isTree, type Tree } from './fields.ts'
import { nearest } from './nearest.ts'
import { itemOf } from './options.ts'
import { addressTrouble, optionTrouble, secretTrouble, type Trouble, type World } from './references.ts'
import type { OwnService } from './repository-services.ts'
import { loopOf, templateOfKey } from './service-items.ts'
import type { At, Document, Report } from './source.ts'
import { addressUses, type Use } from './templates.ts'
import { show, unknownName } from './text.ts'

/** Names that loops and the platform bring: what each leads to, or undefined where anything can follow. */
type Locals = ReadonlyMap<string, Option | undefined>

const nodeParts = ['id', 'name', 'ip', 'pub_key', 'services', 'vars', 'facts', 'configuration']

/**
 * Every address in the resources, handlers and templates of a repository's own services leads somewhere: to an option of
 * the service or of another, a loop's variable, a node, a secret, or a variable of the repository.
 */
export function checkServiceNames(own: readonly OwnService[], world: World, findings: Finding[]): void {
  const variables = new Set([...world.nodes.values()].flatMap(({ node }) => Object.keys(node.vars)))
  for (const { service, document } of own) {
    const check = new NameCheck(world, variables, reportOn(document, findings))
    const tree = document.value as Tree
    check.items(tree.resources, ['resources'], new Map())
    check.strings(tree.handlers, ['handlers'], new Map())
    check.rules(tree.refuse)
    const folder = `services/${service.id}/templates`
    for (const [name, text] of Object.entries(service.templates)) {
      const at = (use: Use) => ({ path: `${folder}/${name}`, line: use.line, column: use.column, at: '' })
      const tell = (use: Use, { message, severity }: Trouble) =>
        findings.push({ severity: severity ?? 'error', ...at(use), message })
      const locals = check.files.get(name)
      for (const use of usesOrNone(text)) {
        // A script of a command, or a file that is copied as it is: only its secrets are known to be meant.
        const trouble = locals ? check.trouble(use, locals) : secretOnly(use, world)
        if (trouble) tell(use, trouble)
      }
    }
  }
}

const reportOn =
  (document: Document, findings: Finding[]): Report =>
  (at, message, severity = 'error') =>
    findings.push({ severity, path: document.path, ...document.locate(at), at: at.join('.'), message })

class NameCheck {
  /** Templates that items render, each with the names that it sees. */
  readonly files = new Map<string, Map<string, Option | undefined>>()
  private readonly world: World
  private readonly variables: ReadonlySet<string>
  private readonly report: Report

  constructor(world: World, variables: ReadonlySet<string>, report: Report) {
    this.world = world
    this.variables = variables
    this.report = report
  }

  items(items: unknown, at: At, locals: Locals): void {
    if (!Array.isArray(items)) return
    items.forEach((item, i) => {
      if (isTree(item)) this.item(item, [...at, i], locals)
    })
  }

  private item(item: Tree, at: At, outer: Locals): void {
    const locals = this.loop(item, at, outer)
    for (const [key, value] of Object.entries(item)) {
      if (key === 'for') continue
      if (key === 'resources') this.items(value, [...at, key], locals)
      else if (key === 'if') this.text(templateOfKey(key, value) ?? '', [...at, key], locals)
      else this.strings(value, [...at, key], locals)
    }
    if (typeof item.template === 'string') this.see(item.template, locals)
  }

  /** Rules of `refuse`: what they compare has to be an option. */
  rules(rules: unknown): void {
    if (!Array.isArray(rules)) return
    rules.forEach((rule, i) => {
      if (!isTree(rule)) return
      const at = ['refuse', i]
      const locals = this.ruleLoop(rule, at)
      this.text(templateOfKey('if', rule.if) ?? '', [...at, 'if'], locals)
      this.text(`{{ ${rule.at} }}`, [...at, 'at'], locals)
    })
  }

  /** Unlike the loop of a resource, that of a rule goes through lists of lists: `route in nginx.vhosts.routes`. */
  private ruleLoop(rule: Tree, at: At): Locals {
    const loop = loopOf(rule.for)
    if (!loop) return new Map()
    const [root = '', ...path] = loop.expression.split('.')
    let option = groupOf(this.world, root)
    for (const [i, key] of path.entries()) {
      const above = [root, ...path.slice(0, i)].join('.')
      const next = option?.options?.[key]
      if (option?.options && !next)
        this.report([...at, 'for'], unknownName(`option in ${above}:`, key, Object.keys(option.options)))
      option = next
    }
    return new Map([[loop.name, option && itemOf(option)]])
  }

  /** The names inside of a loop. */
  private loop(item: Tree, at: At, outer: Locals): Locals {
    const loop = loopOf(item.for)
    if (!loop) return outer
    this.text(`{{ ${loop.expression} }}`, [...at, 'for'], outer)
    return new Map([...outer, [loop.name, this.itemOption(loop.expression, outer)] as const])
  }

  /** A template that several items render sees what any of them brings. */
  private see(file: string, locals: Locals): void {
    const known = this.files.get(file) ?? new Map<string, Option | undefined>()
    for (const [name, option] of locals)
      known.set(name, known.has(name) && known.get(name) !== option ? undefined : option)
    this.files.set(file, known)
  }

  strings(value: unknown, at: At, locals: Locals): void {
    if (typeof value === 'string') this.text(value, at, locals)
    else if (Array.isArray(value)) value.forEach((each, i) => void this.strings(each, [...at, i], locals))
    else if (isTree(value))
      for (const [key, each] of Object.entries(value)) this.strings(each, [...at, key], locals)
  }

  private text(text: string, at: At, locals: Locals): void {
    for (const use of usesOrNone(text)) {
      const trouble = this.trouble(use, locals)
      if (trouble) this.report(at, trouble.message, trouble.severity)
    }
  }

  trouble(use: Use, locals: Locals): Trouble | undefined {
    const [root, ...path] = use.segments.map(String)
    if (root === undefined || root === 'forloop') return undefined
    if (locals.has(root)) return optionPath(locals.get(root), path, [root])
    const service = this.world.services.get(root)
    if (service) return optionPath({ type: 'group', options: service.options }, path, [root])
    if (root === 'access') return partOf('access', ['keys'], path)
    if (root === 'node') return partOf('node', nodeParts, path)
    const variables = new Set([...this.variables, ...locals.keys()])
    const trouble = addressTrouble(use, { kind: 'node', variables }, this.world)
    return trouble ?? this.misspelt(use, root, locals)
  }

  /** What may be absent is accepted, unless it looks like a slip of something that is there. */
  private misspelt(use: Use, root: string, locals: Locals): Trouble | undefined {
    const { nodes, services, variables } = this.world
    const isThere =
      this.variables.has(root) || variables?.has(root) || nodes.has(root) || !use.optional || isRoot(root)
    if (isThere) return undefined
    const near = nearest(root, [
      ...locals.keys(),
      ...services.keys(),
      ...this.variables,
      ...(variables ?? []),
    ])
    if (near !== undefined) return { message: `unknown name ${show(root)}, did you mean ${show(near)}?` }
  }

  /** What each turn of a loop over an option is. */
  private itemOption(expression: string, locals: Locals): Option | undefined {
    if (!/^[\w-]+(\.[\w-]+)*$/.test(expression.trim())) return undefined
    const [root = '', ...path] = expression.trim().split('.')
    const start = locals.has(root) ? locals.get(root) : groupOf(this.world, root)
    const list = path.reduce<Option | undefined>((option, key) => option?.options?.[key], start)
    return list?.type === 'array' ? itemOf(list) : undefined
  }
}

const groupOf = (world: World, id: string): Option | undefined => {
  const service = world.services.get(id)
  return service && { type: 'group', options: service.options }
}

const isRoot = (root: string): boolean => ['vars', 'secrets', 'passwords'].includes(root)

/** Items of lists go by names that only a node knows. */
const optionPath = (option: Option | undefined, path: string[], above: string[]): Trouble | undefined =>
  option && optionTrouble(option, path, { above, value: '{{ }}' })

function partOf(root: string, parts: readonly string[], [part]: string[]): Trouble | undefined {
  if (part !== undefined && !parts.includes(part))
    return { message: unknownName(`part of ${root}`, part, parts) }
}

function secretOnly(use: Use, world: World): Trouble | undefined {
  const [root, ...rest] = use.segments.map(String)
  return root === 'secrets' && rest[0] !== undefined ? secretTrouble(rest, use, world) : undefined
}

/** What is no template was reported already. */
function usesOrNone(text: string): Use[] {
  try {
    return addressUses(text)
  } catch {
    return []
  }
}
