import { isUtf8 } from 'node:buffer'
import type { Service } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { render, renderText, renderTree } from '#language'
import { renderShell } from '#language/shell.ts'
import { composites } from './resources/composite.ts'
import type { Item } from './resources/item.ts'

type Tree = Record<string, unknown>

/** Keys that say how an item is made, not what it is. */
const structure = new Set([
  'if',
  'for',
  'resources',
  'template',
  'source',
  'content',
  'run',
  'unless',
  'only_if',
  'check',
])
const shell = ['run', 'unless', 'only_if', 'check'] as const

/** Of every kind. */
export const commonKeys = new Set(['requires', 'notify', 'except', 'cuts_link'])

/** The first key names the kind: `user:` is a kind, and also whom a command is run as. */
export const headOf = (item: Item): string => Object.keys(item).find((key) => !commonKeys.has(key)) ?? ''

/** The resource templates of a service in a scope: conditions judged, loops unrolled, values rendered. */
export function expand(service: Service, scope: Tree): Item[] {
  return service.resources.flatMap((item, at) => expandItem(service, item, scope, `resources[${at}]`))
}

function expandItem(service: Service, item: Item, scope: Tree, at: string): Item[] {
  return scopesOf(service, item, scope, at).flatMap((inner) => {
    if (item.if !== undefined && !holds(String(item.if), inner)) return []
    if (!Array.isArray(item.resources)) return compose(service, renderItem(service, item, inner, at), at)
    return item.resources.flatMap((nested: Item, i) =>
      expandItem(service, nested, inner, `${at}.resources[${i}]`),
    )
  })
}

/** `for: vhost in nginx.vhosts` gives a scope for each item; a map gives items `{key, value}`. */
function scopesOf(service: Service, item: Item, scope: Tree, at: string): Tree[] {
  if (item.for === undefined) return [scope]
  const [, name, expression] = /^\s*([A-Za-z_]\w*)\s+in\s+(.+)$/s.exec(String(item.for)) ?? []
  if (!name || !expression)
    throw broken(service, at, `for is written as \`name in list\`, got ${JSON.stringify(item.for)}`)
  const list = render(`{{ ${expression} }}`, scope)
  if (list === null) return []
  const items = Array.isArray(list) ? list : typeof list === 'object' ? entries(list as Tree) : undefined
  if (!items)
    throw broken(service, at, `for needs a list or a map, and ${expression} is ${JSON.stringify(list)}`)
  return items.map((value) => ({ ...scope, [name]: value }))
}

const entries = (map: Tree) => Object.entries(map).map(([key, value]) => ({ key, value }))

const holds = (condition: string, scope: Tree) =>
  renderText(`{% if ${condition} %}1{% endif %}`, scope) === '1'

function renderItem(service: Service, item: Item, scope: Tree, at: string): Item {
  const plain = Object.fromEntries(Object.entries(item).filter(([key]) => !structure.has(key)))
  const rendered: Item = renderTree(plain, scope)
  for (const key of shell) if (item[key] !== undefined) rendered[key] = renderShell(String(item[key]), scope)
  Object.assign(rendered, contentOf(service, item, scope, at))
  // An option that is unset leaves the key out.
  return Object.fromEntries(
    Object.entries(rendered).filter(([, value]) => value !== null && value !== undefined),
  )
}

/** What is no text comes as `base64`. */
function contentOf(
  service: Service,
  item: Item,
  scope: Tree,
  at: string,
): { content?: string; base64?: string } {
  const given = ['template', 'source', 'content'].filter((key) => item[key] !== undefined)
  if (given.length > 1) throw broken(service, at, `has ${given.join(' and ')}: one of them says the content`)
  if (item.content !== undefined) return { content: renderText(String(item.content), scope) }
  if (item.source !== undefined) return sourceOf(service, renderText(String(item.source), scope), at)
  if (item.template === undefined) return {}
  const text = service.templates[String(item.template)]
  if (text === undefined) throw broken(service, at, `there is no file templates/${item.template}`)
  return { content: renderText(text, scope) }
}

/** A file of `files/`, any bytes, or of `templates/`, as it is. */
function sourceOf(service: Service, name: string, at: string): { content?: string; base64?: string } {
  const base64 = service.files?.[name]
  if (base64 !== undefined) {
    const bytes = Buffer.from(base64, 'base64')
    return isUtf8(bytes) && !bytes.includes(0) ? { content: bytes.toString() } : { base64 }
  }
  const content = service.templates[name]
  if (content === undefined)
    throw broken(service, at, `there is no file files/${name}, nor templates/${name}`)
  return { content }
}

function compose(service: Service, item: Item, at: string): Item[] {
  const composite = headOf(item)
  if (!Object.hasOwn(composites, composite)) return [item]
  try {
    const made = composites[composite]?.(item) ?? []
    return made.flatMap((each) =>
      each === item || headOf(each) === composite ? [each] : compose(service, each, at),
    )
  } catch (error) {
    throw broken(service, at, error instanceof Error ? error.message : String(error))
  }
}

export const broken = (service: { id: string }, at: string, reason: string): Problem =>
  new Problem('invalid', { reason: `services/${service.id} ${at}: ${reason}` })
