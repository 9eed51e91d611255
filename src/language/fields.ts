import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

export type Tree = Record<string, unknown>

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value that was written, and where. */
export interface Found {
  value: unknown
  at: At
}

/** A field under its name, or under an older one, which earns a warning. An empty field counts as absent. */
export function field(
  tree: Tree,
  at: At,
  report: Report,
  name: string,
  ...older: string[]
): Found | undefined {
  const written = [name, ...older].filter((key) => Object.hasOwn(tree, key))
  const [first, second] = written
  if (first === undefined) return undefined
  if (second !== undefined) report([...at, second], `says the same as ${show(first)}: keep one of them`)
  else if (first !== name) report([...at, first], `is the older spelling: write ${show(name)}`, 'warning')
  const value = tree[first]
  return value === null ? undefined : { value, at: [...at, first] }
}

/** Refuses keys that are not `known`. `gone` says of former keys what to do instead. */
export function refuseUnknownKeys(
  tree: Tree,
  known: ReadonlySet<string>,
  at: At,
  report: Report,
  gone: Readonly<Record<string, string>> = {},
): void {
  for (const key of Object.keys(tree)) {
    if (known.has(key)) continue
    report([...at, key], Object.hasOwn(gone, key) ? (gone[key] ?? '') : unknownName('key', key, known))
  }
}

export function asTree(found: Found | undefined, report: Report): Tree | undefined {
  if (!found || isTree(found.value)) return found?.value as Tree | undefined
  report(found.at, `must be a map of keys and values, got ${show(found.value)}`)
}

export function asList(found: Found | undefined, report: Report): unknown[] | undefined {
  if (!found || Array.isArray(found.value)) return found?.value as unknown[] | undefined
  report(found.at, `must be a list, got ${show(found.value)}`)
}

export function asText(found: Found | undefined, report: Report): string | undefined {
  if (!found) return undefined
  if (typeof found.value === 'string' && found.value !== '') return found.value
  report(found.at, textMessage(found.value))
}

export const textMessage = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'boolean'
    ? `must be a string, got ${show(value)}: write it in quotes`
    : value === ''
      ? 'must not be empty'
      : `must be a string, got ${show(value)}`

const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/** `vars`: any values under names that a template can say. */
export function readVars(tree: Tree, at: At, report: Report): Tree {
  const found = field(tree, at, report, 'vars')
  const vars = asTree(found, report) ?? {}
  for (const name of Object.keys(vars)) {
    if (!variablePattern.test(name))
      report(
        [...(found?.at ?? at), name],
        `a variable is named with letters, digits and _, got ${show(name)}`,
      )
  }
  return vars
}
