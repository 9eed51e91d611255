import type Type from 'typebox'
import { descriptionAt } from '#contracts/define.ts'
import { Problem } from '#kit/problem.ts'
import { nearest } from '#language'

/** What the validator says of a request that does not fit its schema. */
export type Errors = readonly { keyword: string; instancePath: string; message: string; params: unknown }[]

/** Where a value stands in a request, as its sender calls it. */
const places: Record<string, string> = {
  body: 'field',
  querystring: 'parameter',
  params: 'address',
  headers: 'header',
}

/** The most telling of the errors: `field vars: must be object`. */
export function misfit(schema: Type.TSchema, errors: Errors, part = 'body', data?: unknown): Problem {
  const extra = errors.find(({ keyword }) => keyword === 'additionalProperties')
  const first = extra ?? errors.find(({ keyword }) => keyword !== 'boolean') ?? errors[0]
  const path = (first?.instancePath ?? '').split('/').slice(1)
  const { additionalProperties: names } = (first?.params ?? {}) as { additionalProperties?: string[] }
  const place = places[part] ?? part
  if (names) {
    const below = path.length > 0 ? ` in ${path.join('.')}` : ''
    return new Problem('invalid', { reason: `unknown ${place} ${names.join(', ')}${below}` })
  }
  const where = path.length > 0 ? `${place} ${path.join('.')}` : `the ${part === 'body' ? 'body' : place}`
  return new Problem('invalid', { reason: `${where}: ${wantedOf(schema, path, first, data)}` })
}

function wantedOf(
  schema: Type.TSchema,
  path: readonly string[],
  error: Errors[number] | undefined,
  data: unknown,
): string {
  const { allowedValues } = (error?.params ?? {}) as { allowedValues?: unknown[] }
  if (allowedValues) {
    // One of a few words is no secret: it may be shown.
    const given = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], data)
    const near = typeof given === 'string' ? nearest(given, allowedValues.map(String)) : undefined
    const hint = near === undefined ? '' : `, not ${String(given)}: did you mean ${near}?`
    return `must be ${allowedValues.join(' or ')}${hint}`
  }
  const described = descriptionAt(schema, path)
  if (error?.keyword === 'pattern')
    return described ? `must be: ${described}` : 'has characters that are not allowed here'
  return error?.message ?? 'does not fit'
}
