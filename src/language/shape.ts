import type Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { At } from './source.ts'

const validators = new WeakMap<Type.TSchema, Validator>()

/** Where a value does not have the shape of a contract. */
export function shapeTroubles(schema: Type.TSchema, value: unknown): { at: At; message: string }[] {
  let validator = validators.get(schema)
  if (!validator) {
    validator = Compile(schema)
    validators.set(schema, validator)
  }
  if (validator.Check(value)) return []
  return validator
    .Errors(value)
    .filter(({ keyword }) => !combining.has(keyword))
    .map(({ instancePath, message }) => ({ at: pointer(instancePath), message }))
}

/** They repeat what the errors inside of them say. */
const combining = new Set(['additionalProperties', 'unevaluatedProperties', 'boolean'])

const pointer = (path: string): At =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
