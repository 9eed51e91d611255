import { parse } from 'yaml'
import { wrongUsage } from './failure.ts'

export interface Typing {
  /** The value is JSON, and nothing else. */
  json?: boolean
  /** The value is text as it stands. */
  string?: boolean
}

/** A value as it is typed on a command line: `3`, `true`, `[80, 443]` and `{a: b}` are what YAML makes of them. */
export function typedValue(text: string, { json, string }: Typing): unknown {
  if (json && string) throw wrongUsage('--json and --string exclude one another.')
  if (string) return text
  if (json) return parseJson(text)
  const value = parseYaml(text)
  // What only looks like YAML is text: `a: b`, `a #b`, nothing at all.
  const plain = typeof value === 'string' || (typeof value === 'object' && value !== null)
  return text === '' || (plain && !/^\s*(["'[]|\{(?![{%]))/.test(text)) ? text : value
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { version: '1.2', schema: 'core', logLevel: 'error' }) as unknown
  } catch {
    return text
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw wrongUsage(
      `\`${text}\` is no JSON: ${(error as Error).message}`,
      'Leave --json out for plain text.',
    )
  }
}

/** `a number`, so that nobody takes 1.10 for a text. */
export function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  const kinds: Record<string, string> = { string: 'text', number: 'a number', boolean: 'a boolean' }
  return kinds[typeof value] ?? 'a map'
}
