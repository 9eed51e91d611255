import type { Rule, Service } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { asTemplate, conditionTrouble, holds } from './condition.ts'
import { type Found, isTree, type Tree } from './fields.ts'
import { checkOptions, isTemplated, withDefaults } from './options.ts'
import { compile, matches } from './pattern.ts'
import type { At, Report } from './source.ts'
import { addressUses } from './templates.ts'
import { show } from './text.ts'

/** The options of a service in a node: each by itself, and what they may not say together. */
export function checkConfiguration(service: Service, written: unknown, at: At, report: Report): void {
  let isSound = true
  checkOptions(service.options, written, at, (address, message, severity) => {
    if (severity !== 'warning') isSound = false
    report(address, message, severity)
  })
  // What is no option at all can be compared with nothing.
  if (!isSound || !isTree(written)) return
  const options = withDefaults(service.options, written)
  for (const rule of service.refuse ?? [])
    for (const subject of subjectsOf(service.id, rule, options)) {
      const trouble = troubleOf(rule, subject.scope)
      if (trouble !== undefined) report([...at, ...subject.at], trouble)
    }
}

function troubleOf(rule: Rule, scope: Tree): string | undefined {
  try {
    return isRefused(rule, scope) ? rule.because : undefined
  } catch (error) {
    // Anybody may push a service, and with it a condition that asks for too much.
    return `cannot be judged: ${Problem.of(error).message}`
  }
}

interface Subject {
  scope: Tree
  /** Of the option that is to be changed. */
  at: At
}

/** One, or one for each item that `for` names. */
function subjectsOf(id: string, rule: Rule, options: Tree): Subject[] {
  const [root, ...rest] = rule.at.split('.')
  const { name, path } = loopOf(rule.for)
  const items = name === undefined ? [{ value: undefined, at: [] }] : itemsAt(options, path, [])
  return items.map(({ value, at }) => ({
    scope: { [id]: options, ...(name !== undefined && { [name]: value }) },
    at: root === name ? [...at, ...rest] : rest,
  }))
}

/** `vhost in nginx.vhosts`: the name, and the path below the options of the service. */
function loopOf(text: string | undefined): { name?: string; root?: string; path: string[] } {
  const [, name, list = ''] = /^([A-Za-z_]\w*) in ([\w-]+(?:\.\w+)+)$/.exec(text ?? '') ?? []
  const [root, ...path] = list.split('.')
  return name === undefined || root === undefined ? { path: [] } : { name, root, path }
}

function itemsAt(value: unknown, path: readonly string[], at: At): { value: unknown; at: At }[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => itemsAt(item, path, [...at, i]))
  const [key, ...rest] = path
  if (key === undefined) return [{ value, at }]
  return isTree(value) && Object.hasOwn(value, key) ? itemsAt(value[key], rest, [...at, key]) : []
}

function isRefused(rule: Rule, scope: Tree): boolean {
  const value = valueAt(scope, rule.at.split('.'))
  const used = [value, ...usesOf(rule).map((segments) => valueAt(scope, segments))]
  // What a template will say is asked when it has said it.
  if (used.some((each) => isTemplated(JSON.stringify(each) ?? ''))) return false
  if (rule.if !== undefined && !holds(rule.if, scope)) return false
  if (rule.pattern === undefined) return true
  return typeof value === 'string' && matches(rule.pattern, value) !== 'fits'
}

const usesOf = (rule: Rule): string[][] =>
  rule.if === undefined ? [] : addressUses(asTemplate(rule.if)).map(({ segments }) => segments.map(String))

function valueAt(tree: unknown, path: readonly string[]): unknown {
  let found = tree
  for (const key of path) found = isTree(found) && Object.hasOwn(found, key) ? found[key] : undefined
  return found
}

/** That each rule can be asked at all: its condition, its pattern, and that it speaks of the service's own options. */
export function checkRuleShapes(id: string, found: Found | undefined, report: Report): void {
  if (!found || !Array.isArray(found.value)) return
  found.value.forEach((rule, i) => {
    if (isTree(rule)) checkRuleShape(id, rule, [...found.at, i], report)
  })
}

function checkRuleShape(id: string, rule: Tree, at: At, report: Report): void {
  const { name, root } = loopOf(typeof rule.for === 'string' ? rule.for : undefined)
  if (rule.for !== undefined && root !== id)
    report([...at, 'for'], `is written as \`name in ${id}.list\`, got ${show(rule.for)}`)
  if (rule.if === undefined && rule.pattern === undefined) report(at, 'needs a condition (if) or a pattern')
  if (typeof rule.pattern === 'string' && !compile(rule.pattern))
    report([...at, 'pattern'], `is not a regular expression: ${show(rule.pattern)}`)
  const known = name === undefined ? [id] : [id, name]
  const own = (address: string) => known.includes(address.split('.')[0] ?? '')
  // An item of a list may be no map, and is an option by itself.
  if (typeof rule.at === 'string' && rule.at !== name && (!own(rule.at) || !rule.at.includes('.')))
    report(
      [...at, 'at'],
      `must be the address of an option, ${known[known.length - 1]}.…, got ${show(rule.at)}`,
    )
  if (typeof rule.if !== 'string') return
  const trouble = conditionTrouble(rule.if)
  if (trouble) report([...at, 'if'], trouble)
  const foreign = trouble ? undefined : usesOf(rule as unknown as Rule).find((use) => !own(use[0] ?? ''))
  if (foreign)
    report([...at, 'if'], `may ask of ${known.join(' and ')} alone, got ${show(foreign.join('.'))}`)
}
