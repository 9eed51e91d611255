/**
 * JSON as JSON.parse reads it, except for numbers that a double cannot hold exactly (whole numbers beyond 2^53, and those
 * beyond its range): these become text with the digits that were sent. Throws SyntaxError.
 */
export function parseExactJson(text: string): unknown {
  return mayHoldLargeNumber(text) ? parse(text, exactly) : parse(text)
}

/** The first number in a JSON text that a double would change, as it is written; undefined: none. Throws SyntaxError. */
export function firstInexactNumber(text: string): string | undefined {
  if (!mayHoldLargeNumber(text)) return undefined
  let found: string | undefined
  parse(text, (_key, value, { source }) => {
    if (found === undefined && isInexact(value)) found = source ?? String(value)
    return value
  })
  return found
}

/** Whether a number read from text may differ from what was written. Fractions are meant to be approximate. */
export const isInexact = (value: unknown): value is number =>
  typeof value === 'number' &&
  (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))

/** What a value was read from: ECMA-262, JSON.parse source text access. */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown

const exactly: Reviver = (_key, value, { source }) => (isInexact(value) ? (source ?? String(value)) : value)

/** A quick look that most texts end with; a false alarm costs time only. */
const mayHoldLargeNumber = (text: string): boolean => /\d{16}|\d[eE]/.test(text)
