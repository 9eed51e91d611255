import type Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { type CallName, calls, type EventPattern, events, type QueueName, queues } from '#contracts'
import { descriptionAt } from '#contracts/define.ts'
import { modernize, versionOf } from '#contracts/former.ts'
import { Problem } from '../kit/problem.ts'

const validators = new Map<Type.TSchema, Validator>()

function validator(schema: Type.TSchema): Validator {
  const known = validators.get(schema)
  if (known) return known
  const made = Compile(schema)
  validators.set(schema, made)
  return made
}

/** The other side's copy of what a call carries, judged once; throws `invalid` with the path of what does not fit. */
export const copyInput = (name: CallName, value: unknown) => copy(calls[name]?.input, name, value)
export const copyOutput = (name: CallName, value: unknown) =>
  copy(calls[name]?.output, `the answer of ${name}`, value)

/** What an event pattern or queue carries, as JSON text; throws as above. */
export const packEvent = (pattern: EventPattern, value: unknown) => pack(events[pattern], pattern, value)
export const packJob = (queue: QueueName, value: unknown) => pack(schemaOf(queues, queue), queue, value)

/** `version`: in which it was written. Throws `invalid` when it is newer than this program, or does not fit. */
export const unpackEvent = (pattern: EventPattern, text: string, version: number) =>
  unpackWritten(events[pattern], pattern, text, version)
export const unpackJob = (queue: QueueName, text: string, version: number) =>
  unpackWritten(schemaOf(queues, queue), queue, text, version)

function unpackWritten(schema: Type.TSchema | undefined, name: string, text: string, version: number) {
  if (version > versionOf(name)) {
    const reason = `${name} was written in version ${version} by a newer program: this one knows ${versionOf(name)}; start the newer one`
    throw new Problem('invalid', { reason, path: '' })
  }
  return judge(schema, name, modernize(name, version, JSON.parse(text)))
}

const copy = (schema: Type.TSchema | undefined, what: string, value: unknown): unknown =>
  unpack(schema, what, stringify(what, value))

const schemaOf = (table: object, name: string): Type.TSchema | undefined =>
  (table as Record<string, Type.TSchema>)[name]

function pack(schema: Type.TSchema | undefined, what: string, value: unknown): string {
  const text = stringify(what, value)
  // The copy is judged, not the original: it is what the other side will see.
  unpack(schema, what, text)
  return text
}

function stringify(what: string, value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    throw new Problem(
      'invalid',
      { reason: `${what}: ${(error as Error).message}`, path: '' },
      { cause: error },
    )
  }
}

const unpack = (schema: Type.TSchema | undefined, what: string, text: string): unknown =>
  judge(schema, what, JSON.parse(text))

function judge(schema: Type.TSchema | undefined, what: string, value: unknown): unknown {
  if (!schema) throw new Problem('invalid', { reason: `${what} is not in the contracts`, path: '' })
  const judge = validator(schema)
  if (judge.Check(value)) return value
  throw new Problem('invalid', describe(schema, what, judge.Errors(value)))
}

/** A pattern is for programs: a person reads what a schema says of it, or this. */
const NOT_ALLOWED = 'has characters that are not allowed here'

/** A sentence for whoever sent the value; the name of the contract is for the log. */
function describe(schema: Type.TSchema, what: string, errors: ReturnType<Validator['Errors']>) {
  const [first] = errors
  if (!first) return { reason: `${what} does not fit`, path: '', contract: what }
  const segments = first.instancePath.split('/').slice(1)
  const path = segments.join('.')
  const described = first.keyword === 'pattern' ? descriptionAt(schema, segments) : undefined
  // A key that a strict object does not know is judged by the schema `false`.
  const message = first.keyword === 'boolean' ? 'is not a known key' : first.message
  const wanted = described ? `must be: ${described}` : first.keyword === 'pattern' ? NOT_ALLOWED : message
  return { reason: path ? `${path}: ${wanted}` : `${what}: ${wanted}`, path, contract: what }
}
