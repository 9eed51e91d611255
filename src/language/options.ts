import type { Option } from '#contracts/descriptors.ts'
import { isTree, type Tree, textMessage } from './fields.ts'
import { isMatch, split } from './glob.ts'
import { matches } from './pattern.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

type Options = Record<string, Option>

/** Checks a tree of values against the options of a service or command: names, types, limits, what is required. */
export function checkOptions(options: Options, written: unknown, at: At, report: Report): void {
  if (!isTree(written)) {
    report(at, `must be a map of options, got ${show(written)}`)
    return
  }
  for (const [name, value] of Object.entries(written)) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option) checkOption(option, value, [...at, name], report)
    else report([...at, name], unknownName('option', name, Object.keys(options)))
  }
  for (const [name, option] of Object.entries(options)) {
    const isMissing = option.required && option.default === undefined && !option.removed && !option.generate
    if (isMissing && (written[name] ?? null) === null) report([...at, name], 'is required')
  }
}

export function checkOption(option: Option, value: unknown, at: At, report: Report): void {
  if (option.removed !== undefined) {
    report(at, `is not supported any more: ${option.removed}`)
    return
  }
  // Empty: unset.
  if (value === null) return
  if (typeof value === 'string' && isTemplated(value)) {
    if (option.type !== 'string' && !isWholeTemplate(value))
      report(
        at,
        `must be ${article(option.type)}, and text with a template in it is a string: write the template alone`,
      )
    return
  }
  if (option.type === 'group' || option.type === 'object') checkTree(option, value, at, report)
  else if (option.type === 'array') checkArray(option, value, at, report)
  else checkScalar(option, value, at, report)
}

function checkTree(option: Option, value: unknown, at: At, report: Report): void {
  if (!isTree(value)) report(at, `must be a map of keys and values, got ${show(value)}`)
  else if (option.options) checkOptions(option.options, value, at, report)
  else if (option.keys) checkKeys(option.keys, value, at, report)
}

function checkKeys(known: readonly string[], tree: Tree, at: At, report: Report): void {
  const open = known.filter((key) => key.includes('*')).map(split)
  const names = new Set(known)
  for (const key of Object.keys(tree))
    if (!names.has(key) && !open.some((pattern) => isMatch(pattern, split(key))))
      report([...at, key], unknownName('key', key, names))
}

function checkArray(option: Option, value: unknown, at: At, report: Report): void {
  if (!Array.isArray(value)) {
    report(at, `must be a list, got ${show(value)}`)
    return
  }
  if (option.minimum !== undefined && value.length < option.minimum)
    report(at, `must have at least ${option.minimum} items, got ${value.length}`)
  if (option.maximum !== undefined && value.length > option.maximum)
    report(at, `must have at most ${option.maximum} items, got ${value.length}`)
  const item = itemOf(option)
  value.forEach((entry, i) => {
    if (entry === null) report([...at, i], 'must not be empty')
    else checkOption(item, entry, [...at, i], report)
  })
}

/** What each item of an array is: an object when the array has options, else what `items` says. */
export const itemOf = (option: Option): Option =>
  option.options
    ? { type: 'object', options: option.options }
    : {
        type: option.items ?? 'string',
        ...(option.allowed && { allowed: option.allowed }),
        ...(option.pattern !== undefined && { pattern: option.pattern }),
        ...(option.secret && { secret: true }),
      }

function checkScalar(option: Option, value: unknown, at: At, report: Report): void {
  const got = option.secret ? '***' : show(value)
  const wrong = wrongType(option, value, got)
  if (wrong) report(at, wrong)
  else if (option.allowed && !option.allowed.includes(value))
    report(at, notAllowed(option.allowed, value, got))
  else if (typeof value === 'number') checkLimits(option, value, at, report)
  else if (typeof value === 'string' && option.pattern !== undefined)
    checkPattern(option.pattern, value, got, at, report)
}

function wrongType(option: Option, value: unknown, got: string): string | undefined {
  switch (option.type) {
    case 'string':
      if (typeof value === 'string') return undefined
      return option.secret ? `must be a string, got ${got}` : textMessage(value)
    case 'boolean':
      if (typeof value === 'boolean') return undefined
      return `must be true or false, got ${got}`
    case 'integer':
      return Number.isInteger(value) ? undefined : `must be a whole number, got ${got}${unquote(value)}`
    default:
      return typeof value === 'number' ? undefined : `must be a number, got ${got}${unquote(value)}`
  }
}

const unquote = (value: unknown) =>
  typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? ': write it without quotes' : ''

function notAllowed(allowed: readonly unknown[], value: unknown, got: string): string {
  const names = allowed.map(plain)
  const twin = names.find((name) => name.toLowerCase() === plain(value).toLowerCase())
  return twin === undefined || twin === value
    ? `must be one of ${names.join(', ')}, got ${got}`
    : `must be one of ${names.join(', ')}, got ${got}, did you mean ${show(twin)}?`
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : show(value))

function checkLimits({ minimum, maximum }: Option, value: number, at: At, report: Report): void {
  if (minimum !== undefined && value < minimum) report(at, `must be at least ${minimum}, got ${value}`)
  if (maximum !== undefined && value > maximum) report(at, `must be at most ${maximum}, got ${value}`)
}

function checkPattern(pattern: string, value: string, got: string, at: At, report: Report): void {
  const matching = matches(pattern, value)
  if (matching === 'differs') report(at, `must match the pattern ${pattern}, got ${got}`)
  if (matching === 'hostile') report(at, `cannot be compared with the pattern ${pattern}: it takes too long`)
}

const article = (type: Option['type']) => (/^[aio]/.test(type) ? `an ${type}` : `a ${type}`)

export const isTemplated = (text: string): boolean => text.includes('{{') || text.includes('{%')
export const isWholeTemplate = (text: string): boolean => /^\{\{(?:(?!\}\}).)*\}\}$/s.test(text)

/** What was written, with the defaults of all that was not. Groups always stand; objects only when written. */
export function withDefaults(options: Options, written: Tree): Tree {
  const result: Tree = { ...written }
  for (const [name, option] of Object.entries(options)) {
    if (option.removed !== undefined) continue
    const value = withDefault(option, Object.hasOwn(written, name) ? written[name] : undefined)
    if (value !== undefined) result[name] = value
  }
  return result
}

function withDefault(option: Option, written: unknown): unknown {
  const value = written ?? structuredClone(option.default) ?? undefined
  if (!option.options) return value === undefined ? option.default : value
  if (option.type === 'group')
    return value === undefined || isTree(value) ? withDefaults(option.options, value ?? {}) : value
  if (isTree(value)) return withDefaults(option.options, value)
  if (!Array.isArray(value)) return value === undefined ? option.default : value
  const items = option.options
  return value.map((item) => (isTree(item) ? withDefaults(items, item) : item))
}
