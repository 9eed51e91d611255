import { asTemplate, itemConditionTrouble } from './condition.ts'
import { isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import { isTemplated } from './options.ts'
import { type ResourceKind, resourceKinds } from './resource-kinds.ts'
import { shapeTroubles } from './shape.ts'
import type { At, Report } from './source.ts'
import { addressUses, faultOf } from './templates.ts'
import { show, unknownName } from './text.ts'

/** What the items of a service may name. */
export interface ServiceFiles {
  templates: Readonly<Record<string, string>>
  files: Readonly<Record<string, string>>
}

const loopKeys = ['if', 'for']
const commonKeys = ['requires', 'notify', 'except', 'cuts_link']
const contentKeys = ['content', 'template', 'source']
/** Keys that never name the kind of an item. */
const neverHead = new Set([...loopKeys, ...commonKeys, ...contentKeys, 'run', 'unless', 'only_if', 'check'])

/**
 * The resources of a service as they are written: kinds, keys, files, conditions, loops and handlers. What they render to
 * is known on a node only.
 */
export function checkServiceItems(tree: Tree, files: ServiceFiles, report: Report): void {
  const handlers = isTree(tree.handlers) ? Object.keys(tree.handlers) : []
  checkItems(tree.resources, ['resources'], { ...files, handlers, report })
}

interface Context extends ServiceFiles {
  handlers: readonly string[]
  report: Report
}

function checkItems(items: unknown, at: At, context: Context): void {
  if (!Array.isArray(items)) return
  items.forEach((item, i) => {
    if (isTree(item)) checkItem(item, [...at, i], context)
    else context.report([...at, i], `must be a resource, such as { package: nginx }, got ${show(item)}`)
  })
}

function checkItem(item: Tree, at: At, context: Context): void {
  const { report } = context
  checkCondition(item, at, report)
  checkLoop(item, at, report)
  if (item.resources !== undefined) {
    refuseUnknownKeys(item, new Set([...loopKeys, 'resources']), at, report)
    checkItems(item.resources, [...at, 'resources'], context)
    return
  }
  const head = Object.keys(item).find((key) => !neverHead.has(key))
  const kind = resourceKinds.get(head ?? '')
  if (head === undefined) report(at, 'names no kind of resource, such as file or package')
  else if (!kind) report([...at, head], unknownName('kind of resource', head, resourceKinds.keys()))
  if (head !== undefined && kind) {
    checkKeys(item, head, kind, at, report)
    checkContent(item, head, kind, at, context)
  }
  checkNotify(item, at, context)
}

function checkCondition(item: Tree, at: At, report: Report): void {
  if (item.if === undefined) return
  const trouble =
    typeof item.if === 'string' ? itemConditionTrouble(item.if) : `must be a condition, got ${show(item.if)}`
  if (trouble) report([...at, 'if'], trouble)
}

/** `for: NAME in EXPRESSION`. */
export const loopOf = (text: unknown): { name: string; expression: string } | undefined => {
  const [, name, expression] = /^\s*([A-Za-z_]\w*)\s+in\s+(.+)$/s.exec(String(text)) ?? []
  return name === undefined || expression === undefined ? undefined : { name, expression }
}

function checkLoop(item: Tree, at: At, report: Report): void {
  if (item.for === undefined) return
  const loop = loopOf(item.for)
  const fault = loop
    ? faultIn(`{{ ${loop.expression} }}`)
    : `is written as \`name in list\`, got ${show(item.for)}`
  if (fault) report([...at, 'for'], fault)
}

function faultIn(template: string): string | undefined {
  try {
    addressUses(template)
    return undefined
  } catch (error) {
    return faultOf(error).message
  }
}

function checkKeys(item: Tree, head: string, kind: ResourceKind, at: At, report: Report): void {
  const takesContent = Object.hasOwn(kind.properties, 'content')
  const own = Object.keys(kind.properties)
  const known = new Set([...own, ...loopKeys, ...commonKeys, ...(takesContent ? contentKeys : [])])
  for (const [key, value] of Object.entries(item)) {
    if (!known.has(key)) {
      report([...at, key], `${unknownName(`key of ${head}`, key, known)}`)
      continue
    }
    const schema = Object.hasOwn(kind.properties, key) ? kind.properties[key] : undefined
    if (schema && isLiteral(value)) checkValue(schema, value, [...at, key], report)
  }
  for (const key of kind.required) if (!Object.hasOwn(item, key)) report(at, `${head} needs ${show(key)}`)
}

function checkValue(schema: object & { description?: string }, value: unknown, at: At, report: Report): void {
  const [trouble] = shapeTroubles(schema, value)
  if (!trouble) return
  const { description } = schema
  const wanted = description && /pattern/.test(trouble.message) ? `must be: ${description}` : trouble.message
  report([...at, ...trouble.at], `${wanted}, got ${show(value)}`)
}

const isLiteral = (value: unknown): boolean => value !== null && !hasTemplate(value)

const hasTemplate = (value: unknown): boolean =>
  typeof value === 'string'
    ? isTemplated(value)
    : typeof value === 'object' && value !== null && Object.values(value).some(hasTemplate)

function checkContent(item: Tree, head: string, kind: ResourceKind, at: At, context: Context): void {
  const { report, templates, files } = context
  const given = contentKeys.filter((key) => item[key] !== undefined)
  if (given.length > 1) report(at, `has ${given.join(' and ')}: one of them says the content`)
  if (head === 'file' && given.length === 0 && item.base64 === undefined && kind.properties.content)
    report(at, 'needs content, template or source')
  const { template, source } = item
  if (template !== undefined && !Object.hasOwn(templates, String(template)))
    report(
      [...at, 'template'],
      unknownFile('template', String(template), 'templates', Object.keys(templates)),
    )
  if (typeof source !== 'string' || isTemplated(source)) return
  if (!Object.hasOwn(files, source) && !Object.hasOwn(templates, source)) {
    const known = [...Object.keys(files), ...Object.keys(templates)]
    report([...at, 'source'], unknownFile('file', source, 'files', known))
  }
}

const unknownFile = (what: string, name: string, folder: string, known: readonly string[]): string =>
  `${unknownName(what, name, known)}; it would be ${folder}/${name}`

function checkNotify(item: Tree, at: At, { handlers, report }: Context): void {
  const names = Array.isArray(item.notify) ? item.notify : item.notify === undefined ? [] : [item.notify]
  names.forEach((name, i) => {
    // Another service's handler, or one that every unit has.
    if (typeof name !== 'string' || isTemplated(name) || /[/:]/.test(name) || handlers.includes(name)) return
    const place = Array.isArray(item.notify) ? [...at, 'notify', i] : [...at, 'notify']
    report(
      place,
      `${unknownName('handler', name, handlers)}${handlers.length === 0 ? ': this service has none' : ''}`,
    )
  })
}

const handlerKeys = new Set(['unit', 'do', 'run', 'check'])

/** Handlers: their keys, and that each does something. */
export function checkServiceHandlers(tree: Tree, report: Report): void {
  if (!isTree(tree.handlers)) return
  for (const [name, handler] of Object.entries(tree.handlers)) {
    const at = ['handlers', name]
    if (!isTree(handler)) {
      report(at, `must be a map with unit and do, or run, got ${show(handler)}`)
      continue
    }
    refuseUnknownKeys(handler, handlerKeys, at, report)
    const acts = handler.do === undefined || handler.do === 'reload' || handler.do === 'restart'
    if (!acts) report([...at, 'do'], `must be reload or restart, got ${show(handler.do)}`)
    else if (handler.run === undefined && (handler.unit === undefined || handler.do === undefined))
      report(at, 'needs a unit and do: reload or restart, or run')
  }
}

/** A condition or the list of a loop as a template, so that the addresses in it are found like any others. */
export const templateOfKey = (key: string, value: unknown): string | undefined => {
  if (key === 'if' && typeof value === 'string' && itemConditionTrouble(value) === undefined)
    return asTemplate(value)
  if (key === 'for') return loopOf(value) && `{{ ${loopOf(value)?.expression} }}`
  return typeof value === 'string' ? value : undefined
}
