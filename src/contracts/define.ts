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
