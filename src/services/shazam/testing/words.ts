import fc from 'fast-check'
import { quote } from '../quote.ts'

/** Bytes in, bytes out: latin1 keeps each byte one character. */
const bytes = fc
  .uint8Array({ min: 1, max: 255, maxLength: 40 })
  .map((raw) => Buffer.from(raw).toString('latin1'))
const nasty = fc.stringMatching(/^[ '"\\$`;&|<>(){}*?[\]!#~=\n\t-]{0,20}$/)

/** What a shell must see unchanged. */
export const words = fc.array(fc.oneof(bytes, nasty), { minLength: 1, maxLength: 30 })

/** A shell text that prints each word and a NUL. */
export const echoing = (list: readonly string[]): Buffer =>
  Buffer.from(`for word in ${quote(list)}; do printf '%s\\0' "$word"; done`, 'latin1')

export const printed = (output: Buffer): string[] => output.toString('latin1').split('\0').slice(0, -1)
