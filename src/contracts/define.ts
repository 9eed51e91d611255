import Type from 'typebox'

/** A question with an answer now. `input` and `output` are validated on both sides of the bus. */
export interface CallShape<I extends Type.TSchema = Type.TSchema, O extends Type.TSchema = Type.TSchema> {
  input: I
  output: O
}

export const call = <I extends Type.TSchema, O extends Type.TSchema>(
  input: I,
  output: O,
): CallShape<I, O> => ({
  input,
  output,
})

/** An object that refuses keys it does not know. */
export const strict = <P extends Type.TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })

export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const Nothing = strict({})

interface Shape {
  description?: string
  properties?: Record<string, Shape>
  items?: Shape
}

/** What a schema says, in words, of a value below it; undefined where it says nothing. */
export const descriptionAt = (schema: object, path: readonly string[]): string | undefined =>
  path.reduce<Shape | undefined>((at, key) => at?.properties?.[key] ?? at?.items, schema)?.description
