import type { Unit } from './characters.ts'
import * as as from './characters.ts'

/** What may stand between two units, such as the line break of a wrapped text. */
export interface Gap {
  /** All characters that it can begin with. */
  readonly first: string
  /** All characters that can come second, where it may stand after the first character of a secret. */
  readonly second: string
  /** Sticky. The first group has to be there; after it the next unit may begin at each place of the second. */
  readonly pattern: RegExp
  /** Sticky. Matches when the text may end inside the gap. */
  readonly open: RegExp
  /** No gap is longer: characters. */
  readonly longest: number
  /** One character that may stand in it: at least all that `pattern` and `open` take. */
  readonly inside: RegExp
  /** The same after a line break, where a gap goes on with an offset. */
  readonly offset?: RegExp
}

/** One way in which programs write a secret. */
export interface Form {
  readonly units: readonly Unit[]
  readonly gaps: readonly Gap[]
  /** A gap stands between all units: numbers in a list. */
  readonly apart: boolean
  /** It may come in the rows of a dump, with the text in a column of its own at the end. */
  readonly rows: boolean
}

/** Shorter lines and pieces of a secret would mask innocent text. */
const SHORTEST_LINE = 6
const SHORTEST_BASE64 = 4
/** Bytes. As hex digits in a row. */
const SHORTEST_HEX = 4
/** Bytes. As numbers or letters that stand apart: a column of a table looks like that. */
const SHORTEST_LIST = 8
/** So much in a row is nobody else's text: it is hidden whatever became of the characters around it. */
const LONG_PIECE = /[A-Za-z0-9]{16,}/g

/** A literal that goes on in the next line: `\`, a soft break of mails, or quotes that are closed and opened again. */
const LITERAL_BREAK: Gap = {
  first: `\\='"`,
  second: ' \t\r\n+.,\\$\'"',
  pattern:
    /(\\\r?\n|=\r?\n|(['"])[ \t]{0,4}[+.,]?[ \t]{0,4}\\?\r?\n[ \t]{0,40}[bu]?\2|'\$'|''|"")([ \t]{0,40})/y,
  open: /[\\=\r\n \t'"+.,bu$]*$/y,
  longest: 100,
  inside: /[\\=\r\n \t'"+.,bu$]/,
}
/** The end of a line, as itself or escaped, and what comments, diffs, literals and indents begin the next one with. */
const WRAP: Gap = {
  first: '\\\r\n%&"\' ',
  second: '',
  pattern:
    /((?:\\{1,4}r)?\\{1,4}n|\\{0,2}\r?\n|(?:%0[Dd])?%0[Aa]|&#(?:10|13|x[aAdD]);|["'][ \t]{0,4}[+.,]?[ \t]{0,4}\\?\r?\n| )(?:)([\s#>|+"'-]{0,40})/y,
  open: /[\\rn\s%0AaDd&#13x;"'+.,>|-]*$/y,
  longest: 64,
  inside: /[\\rn\s%0AaDd&#13x;"'+.,>|-]/,
}
const SEPARATOR: Gap = {
  first: ' \t\r\n,:;\\.-0xX%=&nr',
  second: '',
  pattern: /([\s,:;\\.-]{0,12}(?:0?[xX]|%|=|&#[xX]|(?:r\\{1,4})?n)?)()/y,
  open: /[\s,:;\\.0xX%=&#nr-]*$/y,
  longest: 24,
  inside: /[\s,:;\\.0xX%=&#nr-]/,
}
const LIST: Gap = {
  first: ' \t\r\n,;',
  second: ' \t\r\n,;0123456789',
  pattern: /([\s,;])([\s,;]{0,11})/y,
  open: /[\s,;]*$/y,
  longest: 12,
  inside: /[\s,;]/,
}
/**
 * From one row of `xxd`, `od` or `hexdump` to the next: the column of text, which stands two blanks apart, the line break,
 * the offset, which begins with a digit below 2.5 GiB.
 */
export const ROW: Gap = {
  first: ' \t\r\n',
  second: ' \t\r\n0123456789',
  pattern: /((?:[ \t]{2,4}[^\n]{0,40}|[ \t]?)\r?\n[0-9][0-9a-fA-F]{5,15}:?[ \t])([ \t]{0,3})/y,
  open: /(?:[ \t]{2}[^\n]*|[ \t]?\r?)(?:\n(?:[0-9][0-9a-fA-F]*:?[ \t]*)?)?$/y,
  longest: 70,
  inside: /[^\n]/,
  offset: /[0-9a-fA-F: \t]/,
}

export const formsOfAll = (secrets: readonly string[]): Form[] => [...new Set(secrets)].flatMap(formsOf)

function formsOf(secret: string): Form[] {
  if (secret === '') return []
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE && line !== secret)
  const pieces = (secret.match(LONG_PIECE) ?? []).filter((piece) => piece !== secret)
  const bytes = Buffer.from(secret)
  return [
    ...[secret, ...lines, ...pieces].map(textForm),
    ...groupForms(bytes, 6, BASE64, as.base64),
    ...groupForms(bytes, 5, BASE32, as.base32),
    ...numberForms(bytes),
  ]
}

const textForm = (text: string): Form => ({
  units: [...text].map(as.written),
  gaps: [LITERAL_BREAK],
  apart: false,
  rows: false,
})

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/**
 * Of `bits` for each character. In the middle of other text a secret can begin anywhere in a group; its outer
 * characters then vary and are left out.
 */
function groupForms(bytes: Buffer, bits: number, alphabet: string, write: (char: string) => Unit): Form[] {
  return Array.from({ length: bits === 6 ? 3 : 5 })
    .flatMap((_, offset) => {
      const units: Unit[] = []
      let value = 0
      let held = 0
      for (const byte of [...Buffer.alloc(offset), ...bytes]) {
        value = ((value << 8) | byte) & 0xffff
        held += 8
        for (; held >= bits; held -= bits)
          units.push(write(alphabet[(value >> (held - bits)) & ((1 << bits) - 1)] ?? ''))
      }
      // The second form is for a line break after its first character, where the index does not look for one.
      const first = Math.ceil((offset * 8) / bits)
      return [first, first + 1].map((from) => ({
        units: units.slice(from),
        gaps: [WRAP],
        apart: false,
        rows: false,
      }))
    })
    .filter(({ units }) => units.length >= SHORTEST_BASE64)
}

/** As numbers, and as the dumps of `xxd`, `od` and `hexdump`. */
function numberForms(bytes: Buffer): Form[] {
  if (bytes.length < SHORTEST_HEX) return []
  const all = [...bytes]
  const dump = { gaps: [SEPARATOR, ROW], rows: true }
  const forms: Form[] = [{ ...dump, units: all.map(as.hex), apart: false }]
  if (bytes.length < SHORTEST_LIST) return forms
  const list = { gaps: [LIST, ROW], rows: true, apart: true }
  for (const write of [as.decimal, as.octal, as.cell]) forms.push({ ...list, units: all.map(write) })
  for (const offset of [0, 1]) {
    const words = wordsOf(bytes.subarray(offset))
    forms.push({ ...list, units: words.map(as.hexWord) }, { ...list, units: words.map(as.octalWord) })
  }
  return forms
}

const wordsOf = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16LE(i * 2))
