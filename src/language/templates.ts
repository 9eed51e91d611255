import {
  analyzeSync,
  Context,
  Liquid,
  LiquidError,
  Output,
  type Template,
  toValue,
  toValueSync,
  UndefinedVariableError,
} from 'liquidjs'
import { Problem } from '#kit/problem.ts'
import { chargeAll, chargedOperators, emitterOf, newLimits } from './budget.ts'
import { parseExactJson } from './exact-json.ts'
import { isTree, type Tree } from './fields.ts'
import { filters } from './filters.ts'
import { itemNamed } from './items.ts'
import { nearest } from './nearest.ts'
import { isTemplated } from './options.ts'
import { show, unknownName } from './text.ts'
import { TextCache } from './text-cache.ts'

/** No tag that reads files, changes what it is given, or writes past the escaping of an output. */
const allowedTags = new Set([
  'assign',
  'capture',
  'case',
  'comment',
  '#',
  'for',
  'break',
  'continue',
  'if',
  'unless',
  'raw',
])
/** In one text: the time to analyse it grows faster than their number. */
const maxMarks = 2000

function engine(outputEscape?: (value: unknown) => string): Liquid {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    // `{% if x %}` and `x | default: 1` are the ways to ask whether x is there.
    lenientIf: true,
    templates: {},
    parseLimit: 4 * 1024 * 1024,
    operators: chargedOperators,
    timezoneOffset: 0,
    locale: 'en',
    ...(outputEscape && { outputEscape }),
  })
  for (const tag of Object.keys(liquid.tags)) if (!allowedTags.has(tag)) delete liquid.tags[tag]
  liquid.registerFilter('parse_json', readJson)
  for (const [name, filter] of Object.entries(filters)) liquid.registerFilter(name, filter)
  chargeAll(liquid)
  return liquid
}

/** Throws when a text is not JSON; nothing stays nothing. */
function readJson(value: unknown): unknown {
  if (value === null || value === undefined) return null
  try {
    return parseExactJson(textOf(value))
  } catch (error) {
    throw new Error(`parse_json: ${show(value)} is not JSON`, { cause: error })
  }
}

/** Text of a value: nothing for nothing, JSON for lists and maps. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function countMarks(text: string): number {
  let count = 0
  for (let i = text.indexOf('{'); i >= 0; i = text.indexOf('{', i + 1)) {
    const next = text[i + 1]
    if (next === '{' || next === '%') count++
  }
  return count
}

/** In which `users.shop` is the item of a list that has this name or id. */
class NamingContext extends Context {
  override readProperty(
    holder: Parameters<Context['readProperty']>[0],
    key: Parameters<Context['readProperty']>[1],
  ): unknown {
    const value = super.readProperty(holder, key)
    return value === undefined && Array.isArray(holder) ? itemNamed(holder, String(key)) : value
  }
}

/** Characters of templates that are kept parsed: a syntax tree takes some hundred bytes for each. */
const CACHED = 200_000

export class Templates {
  readonly liquid: Liquid
  private readonly parsed = new TextCache<Template[]>(CACHED)

  constructor(outputEscape?: (value: unknown) => string) {
    this.liquid = engine(outputEscape)
  }

  parse(text: string): Template[] {
    let templates = this.parsed.get(text)
    if (templates) return templates
    if (countMarks(text) > maxMarks) throw new Error(`holds more than ${maxMarks} templates`)
    templates = this.liquid.parse(text)
    this.parsed.keep(text, templates)
    return templates
  }

  context(scope: Tree): Context {
    return new NamingContext(
      scope,
      this.liquid.options,
      { sync: true },
      { liquid: this.liquid, ...newLimits() },
    )
  }
}

const typed = new Templates()
const textual = new Templates(textOf)

/** A template rendered in a scope. `{{ x }}` alone keeps the type of x; anything else gives text. Throws `invalid`. */
export function render(text: string, scope: Tree): unknown {
  if (!isTemplated(text)) return text
  return explain(text, scope, () => {
    const templates = typed.parse(text)
    const [only, ...more] = templates
    if (only instanceof Output && more.length === 0) {
      // `nil` and `blank` are objects of the engine's own.
      const value = toValue(toValueSync(only.value.value(typed.context(scope), false))) as unknown
      return value === undefined ? null : value
    }
    return rendered(textual, text, scope)
  })
}

/** A template of a file or message rendered to text. Throws `invalid`. */
export function renderText(text: string, scope: Tree): string {
  if (!isTemplated(text)) return text
  return explain(text, scope, () => rendered(textual, text, scope))
}

function rendered(templates: Templates, text: string, scope: Tree): string {
  const context = templates.context(scope)
  const emitter = emitterOf(context)
  toValueSync(templates.liquid.renderer.renderTemplates(templates.parse(text), context, emitter))
  return emitter.buffer
}

/** Every string of a tree rendered, once: what comes out of a template is never read as one. Keys stay. */
export function renderTree<T>(value: T, scope: Tree): T
export function renderTree(value: unknown, scope: Tree): unknown {
  if (typeof value === 'string') return render(value, scope)
  if (Array.isArray(value)) return value.map((item) => renderTree(item, scope))
  if (!isTree(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderTree(item, scope)]))
}

/** Runs a rendering; whatever the engine throws becomes a problem that says which template and what would be right. */
export function explain<T>(text: string, scope: Tree, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof Problem) throw error
    const reason = undefinedIn(error, scope) ?? faultOf(error).message
    throw new Problem('invalid', { reason: `${reason}, in the template ${show(text)}` }, { cause: error })
  }
}

/** The variable that a rendering found no value for; undefined when it failed of something else. */
export function unknownIn(error: unknown): string | undefined {
  const thrown = error instanceof Problem ? error.cause : error
  if (!(thrown instanceof UndefinedVariableError)) return undefined
  return /undefined variable: ([^,]*)/.exec(thrown.message)?.[1] ?? ''
}

function undefinedIn(error: unknown, scope: Tree): string | undefined {
  const name = unknownIn(error)
  if (name === undefined) return undefined
  const segments = name.split('.')
  const last = segments.pop() ?? ''
  let holder: unknown = scope
  for (const segment of segments)
    holder = isTree(holder) ? holder[segment] : Array.isArray(holder) ? itemNamed(holder, segment) : undefined
  const near = isTree(holder) ? nearest(last, Object.keys(holder)) : undefined
  const meant = near === undefined ? '' : `, did you mean ${show([...segments, near].join('.'))}?`
  return `unknown variable ${show(name)}${meant}`
}

export interface Fault {
  message: string
  /** Inside the template, from 1. */
  line: number
  column: number
}

/** What the engine complains about, in our words. */
export function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error)
  const place = /, line:(\d+)(?:, col:(\d+))?/.exec(message)
  const at = { line: Number(place?.[1] ?? 1), column: Number(place?.[2] ?? 1) }
  const plain =
    (error instanceof LiquidError ? message.replace(/, line:\d+.*/s, '') : message).split('\n')[0] ?? ''
  const filter = /^undefined filter: (.*)/.exec(plain)?.[1]
  if (filter !== undefined) return { ...at, message: unknownName('filter', filter, filterNames()) }
  const tag = /^tag "?([^"]*)"? not found/.exec(plain)?.[1]
  if (tag !== undefined) return { ...at, message: unknownName('tag', tag, allowedTags) }
  return {
    ...at,
    message: /limit exceeded|call stack/.test(plain) ? `the template asks for too much: ${plain}` : plain,
  }
}

const filterNames = () => Object.keys(typed.liquid.filters)

/** An address that a template uses: names and numbers up to the first that is only known when it is rendered. */
export interface Use {
  segments: (string | number)[]
  /** Asked for with `| default` or in an `if`: need not exist. */
  optional: boolean
  line: number
  column: number
}

const usesOf = new TextCache<Use[]>(CACHED)

/** Throws what the engine throws when the template is not one: see `faultOf`. */
export function addressUses(text: string): Use[] {
  if (!isTemplated(text)) return []
  const known = usesOf.get(text)
  if (known) return known
  const uses = analyse(text)
  usesOf.keep(text, uses)
  return uses
}

function analyse(text: string): Use[] {
  const { globals } = analyzeSync(typed.parse(text), { partials: false })
  const optional = optionalAddresses(text)
  return Object.values(globals)
    .flat()
    .map(({ segments, location }) => {
      const end = segments.findIndex((segment) => typeof segment === 'object')
      const fixed = (end < 0 ? segments : segments.slice(0, end)) as (string | number)[]
      return {
        segments: fixed,
        optional: optional.has(fixed.join('.')),
        line: location.row,
        column: location.col,
      }
    })
}

/** What a template itself allows to be absent: the address before `| default`, and all in the conditions of `if`. */
function optionalAddresses(text: string): Set<string> {
  // Looked for from the bar backwards: forwards, a long text without one would take forever.
  const defaulted = [...text.matchAll(/\|\s*default\b/g)].map(
    ({ index }) => /([\w.-]+)\s*$/.exec(text.slice(Math.max(0, index - 200), index))?.[1] ?? '',
  )
  const asked = [...text.matchAll(/\{%-?\s*(?:if|elsif|unless)\b(.*?)-?%\}/gs)].flatMap(
    (match) => match[1]?.match(/[\w.-]+/g) ?? [],
  )
  return new Set([...defaulted, ...asked])
}

/** The dotted addresses (`db.ip`) that the templates of a text or tree use, each once; none of a text that is no template. */
export function addressesIn(value: unknown): string[] {
  const found = new Set<string>()
  collectAddresses(value, found)
  return [...found]
}

function collectAddresses(value: unknown, found: Set<string>): void {
  if (typeof value === 'string') {
    for (const use of usesOrNone(value)) found.add(use.segments.join('.'))
  } else if (Array.isArray(value)) {
    for (const item of value) collectAddresses(item, found)
  } else if (isTree(value)) {
    for (const item of Object.values(value)) collectAddresses(item, found)
  }
}

function usesOrNone(text: string): Use[] {
  try {
    return addressUses(text)
  } catch {
    return []
  }
}
