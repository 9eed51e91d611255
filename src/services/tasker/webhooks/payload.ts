import { isUtf8 } from 'node:buffer'
import { Problem } from '#kit/problem.ts'
import { parseExactJson } from '#language'

/** Deeper values are refused: whoever walks them would run out of stack. */
const DEEPEST = 100

/**
 * What templates see below `payload`: JSON as it is, the fields of a form, other bodies as text, null for an empty one.
 * GitHub's form with JSON in its field `payload` is that JSON. Numbers that a double cannot hold exactly are text with
 * their digits. Throws `invalid`, `media_type`.
 */
export async function payloadOf(body: Buffer, headers: Readonly<Record<string, string>>): Promise<unknown> {
  refuseEncoded(headers['content-encoding'])
  if (body.length === 0) return null
  const contentType = headers['content-type'] ?? ''
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  if (type === 'multipart/form-data') return await multipartOf(body, contentType)
  if (!isUtf8(body)) throw new Problem('invalid', { reason: 'the body is not UTF-8' })
  // A byte order mark says how the text is encoded; it is no part of it.
  const text = body.toString('utf8').replace(/^\ufeff/, '')
  if (/[/+]json$/.test(type)) return parsed(text, 'the body')
  const json = jsonOrNothing(text)
  if (type === 'application/x-www-form-urlencoded') return json ?? formOf(text)
  return type === '' ? (json ?? text) : text
}

/** RFC 9110 §8.4. What is compressed would have to be bounded after unpacking as well; no known sender does it. */
function refuseEncoded(encoding: string | undefined): void {
  if (encoding === undefined || /^(identity)?$/i.test(encoding.trim())) return
  throw new Problem('media_type', { reason: `a body with Content-Encoding ${JSON.stringify(encoding)}` })
}

/** RFC 7578. A file is its name, type and size, and its text where it is one. */
async function multipartOf(body: Buffer, contentType: string): Promise<unknown> {
  let form: FormData
  try {
    form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  } catch (error) {
    throw new Problem('invalid', { reason: 'the body is not multipart/form-data' }, { cause: error })
  }
  const fields: [string, unknown][] = []
  for (const [name, value] of form)
    fields.push([name, typeof value === 'string' ? value : await fileOf(value)])
  return gathered(fields)
}

async function fileOf(file: File): Promise<Record<string, unknown>> {
  const bytes = Buffer.from(await file.arrayBuffer())
  return {
    name: file.name,
    type: file.type,
    size: file.size,
    ...(isUtf8(bytes) && { text: bytes.toString('utf8') }),
  }
}

/** A name that comes several times has a list. */
function gathered(fields: readonly [name: string, value: unknown][]): Record<string, unknown> {
  const names = [...new Set(fields.map(([name]) => name))]
  return Object.fromEntries(
    names.map((name) => {
      const values = fields.filter(([each]) => each === name).map(([, value]) => value)
      return [name, values.length > 1 ? values : values[0]]
    }),
  )
}

function parsed(text: string, what: string): unknown {
  let value: unknown
  try {
    value = parseExactJson(text)
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
  return gathered([...fields])
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
