import { isUtf8 } from 'node:buffer'
import { Problem } from '#kit/problem.ts'

/** Deeper values are refused: whoever walks them would run out of stack. */
const DEEPEST = 100

/**
 * What templates see below `payload`: JSON as it is, the fields of a form, other bodies as text, null for an empty one.
 * GitHub's form with JSON in its field `payload` is that JSON. Throws `invalid`.
 */
export function payloadOf(body: Buffer, contentType: string): unknown {
  if (body.length === 0) return null
  if (!isUtf8(body)) throw new Problem('invalid', { reason: 'the body is not UTF-8' })
  const text = body.toString('utf8')
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  if (/[/+]json$/.test(type)) return parsed(text, 'the body')
  const json = jsonOrNothing(text)
  if (type === 'application/x-www-form-urlencoded') return json ?? formOf(text)
  return type === '' ? (json ?? text) : text
}

function parsed(text: string, what: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/,? ?".*/s, '') : ''
    throw new Problem('invalid', { reason: `${what} is not JSON: ${why}` }, { cause: error })
  }
  if (depthOf(value) > DEEPEST)
    throw new Problem('invalid', { reason: `${what} is nested deeper than ${DEEPEST} levels` })
  return value
}

/** A map or list that was sent without saying that it is JSON, as `curl -d '{…}'` does. */
function jsonOrNothing(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return parsed(text, 'the body')
  } catch {
    return undefined
  }
}

function formOf(text: string): unknown {
  const fields = new URLSearchParams(text)
  const names = [...new Set(fields.keys())]
  const json = fields.get('payload')
  if (names.length === 1 && json !== null && /^\s*[{[]/.test(json)) return parsed(json, 'the field payload')
  return Object.fromEntries(
    names.map((name) => {
      const values = fields.getAll(name)
      return [name, values.length > 1 ? values : values[0]]
    }),
  )
}

/** Without recursion, level by level. */
function depthOf(value: unknown): number {
  let level = [value]
  for (let depth = 0; ; depth++) {
    const next = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    )
    if (next.length === 0 || depth > DEEPEST) return depth
    level = next
  }
}
