import { firstInexactNumber } from '#language/exact-json.ts'
import { wrongUsage } from './failure.ts'

export interface Typing {
  /** The value is JSON, and nothing else. */
  json?: boolean
  /** The value is text as it stands. */
  string?: boolean
}

/**
 * A value as it is typed on a command line: `3`, `true`, `[80, 443]` and `{a: b}` are what YAML makes of them. A whole
 * number beyond 2^53 is text with its digits.
 */
export async function typedValue(text: string, { json, string }: Typing): Promise<unknown> {
  if (json && string) throw wrongUsage('--json and --string exclude one another.')
  if (string) return text
  if (json) return parseJson(text)
  const value = await parseYaml(text)
  // What only looks like YAML is text: `a: b`, `a #b`, nothing at all.
  const plain = typeof value === 'string' || (typeof value === 'object' && value !== null)
  return text === '' || (plain && !/^\s*(["'[]|\{(?![{%]))/.test(text)) ? text : value
}

async function parseYaml(text: string): Promise<unknown> {
  // Loaded here alone, so that other commands start faster.
  const { parse } = await import('yaml')
  try {
    return exact(parse(text, { version: '1.2', schema: 'core', logLevel: 'error', intAsBigInt: true }))
  } catch {
    return text
  }
}

function exact(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (Array.isArray(value)) return value.map(exact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, exact(item)]))
}

function parseJson(text: string): unknown {
  const number = inexactNumber(text)
  if (number !== undefined)
    throw wrongUsage(
      `${number} is too large a number to be kept exactly.`,
      `Write it in quotes: "${number}".`,
    )
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw wrongUsage(
      `\`${text}\` is no JSON: ${(error as Error).message}`,
      'Leave --json out for plain text.',
    )
  }
}

function inexactNumber(text: string): string | undefined {
  try {
    return firstInexactNumber(text)
  } catch {
    return undefined
  }
}

/** `a number`, so that nobody takes 1.10 for a text. */
export function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  const kinds: Record<string, string> = { string: 'text', number: 'a number', boolean: 'a boolean' }
  return kinds[typeof value] ?? 'a map'
}
