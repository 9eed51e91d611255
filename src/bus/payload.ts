import type Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { type CallName, calls, type EventPattern, events, type QueueName, queues } from '#contracts'
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

export const unpackEvent = (pattern: EventPattern, text: string) => unpack(events[pattern], pattern, text)
export const unpackJob = (queue: QueueName, text: string) => unpack(schemaOf(queues, queue), queue, text)

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

function unpack(schema: Type.TSchema | undefined, what: string, text: string): unknown {
  if (!schema) throw new Problem('invalid', { reason: `${what} is not in the contracts`, path: '' })
  const value: unknown = JSON.parse(text)
  const judge = validator(schema)
  if (judge.Check(value)) return value
  throw new Problem('invalid', describe(what, judge.Errors(value)))
}

function describe(what: string, errors: ReturnType<Validator['Errors']>): { reason: string; path: string } {
  const [first] = errors
  if (!first) return { reason: `${what} does not fit`, path: '' }
  const path = first.instancePath.slice(1).replaceAll('/', '.')
  // A key that a strict object does not know is judged by the schema `false`.
  const message = first.keyword === 'boolean' ? 'is not a known key' : first.message
  return { reason: `${what}${path && ` at ${path}`}: ${message}`, path }
}
