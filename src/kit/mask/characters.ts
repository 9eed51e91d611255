/** The ways in which programs write one unit of a secret, by the code of their first character. */
export type Unit = ReadonlyMap<number, readonly string[]>

/** Units are shared by all secrets, so that a long key costs one pointer for each of its characters. */
function remembered<K>(make: (key: K) => Iterable<string>): (key: K) => Unit {
  const known = new Map<K, Unit>()
  return (key) => {
    let unit = known.get(key)
    if (!unit) {
      unit = Map.groupBy(new Set(make(key)), (text) => text.charCodeAt(0))
      if (known.size < 10_000) known.set(key, unit)
    }
    return unit
  }
}

/** A character as text: raw, or escaped by a language, a shell, a form, HTML or a mail. */
export const written = remembered<string>(function* (char) {
  yield char
  const code = char.codePointAt(0) ?? 0
  yield* special[char] ?? []
  yield* markup(code)
  yield* codes(char, code)
  // `\c` of shells and languages, once more escaped where a text is quoted inside another.
  if (!/[A-Za-z0-9]/.test(char)) for (const slashes of BACKSLASHES) yield slashes + char
  // Between the bytes of a character: what is left of it can only be read as errors.
  if (code > 127) yield '\\\ufffd'.repeat(Buffer.byteLength(char))
  const letter = letters[char]
  if (letter) for (const name of letter) for (const slashes of BACKSLASHES) yield slashes + name
})

const BACKSLASHES = ['\\', '\\\\', '\\\\\\']

const special: Record<string, readonly string[]> = {
  "'": [`'\\''`, `'"'"'`, `"'"`, "''", '&apos;', `'\\\\''`],
  '"': ['""', '&quot;', `'"'`],
  '\\': ['\\\\\\\\', `'\\'`],
  '!': [`'!'`, `"'!'"`],
  '%': ['%%'],
  '&': ['&amp;', '&amp;amp;'],
  '<': ['&lt;', '&amp;lt;'],
  '>': ['&gt;', '&amp;gt;'],
  ' ': [
    '+',
    '_',
    ...['\n', '\r\n'].flatMap((end) => [0, 1, 2, 4, 6, 8].map((deep) => end + ' '.repeat(deep))),
  ],
  '\n': [
    '\r\n',
    '\n\n',
    '%0D%0A',
    '%0d%0a',
    '\\r\\n',
    '<br>',
    `'\n'`,
    '"\n"',
    ...['+', '-', ' ', '  ', '    ', '\t', '> ', '# '].map((lead) => `\n${lead}`),
    '\\\n',
  ],
  '\0': ['\\0', `' . "\\0" . '`],
}

/** What comes after the backslash. */
const letters: Record<string, string> = {
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1a': 'Z',
  '\x1b': 'eE',
  '\0': '0',
  '\x85': 'N',
  '\xa0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
}

/** The names of HTML for U+00A0 to U+00FF, in order. */
const names =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'.split(
    ' ',
  )

function* markup(code: number): Generator<string> {
  const hex = code.toString(16)
  for (const digits of [
    `${code}`,
    `0${code}`,
    ...bothCases(hex).flatMap((text) => [`x${text}`, `X${text}`]),
  ]) {
    yield `&#${digits};`
    yield `&amp;#${digits};`
  }
  for (const text of bothCases(hex.padStart(2, '0'))) yield `&#x${text};`
  const name = names[code - 0xa0]
  if (name) yield `&${name};`
}

/** By number: of the character, of its two halves in UTF-16, and of its bytes in UTF-8. */
function* codes(char: string, code: number): Generator<string> {
  const hex = code.toString(16)
  for (const text of bothCases(hex)) {
    for (const slashes of BACKSLASHES) {
      yield `${slashes}u{${text}}`
      yield `${slashes}x{${text}}`
      yield `${slashes}U${text.padStart(8, '0')}`
    }
  }
  const bytes = [...Buffer.from(char)]
  const halves = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i))
  yield* bothDigits(halves.map((half) => `%u${hexOf(half, 4)}`).join(''))
  for (const [numbers, write] of [
    [halves, (slashes: string, half: number) => `${slashes}u${hexOf(half, 4)}`],
    [bytes, (slashes: string, byte: number) => `${slashes}x${hexOf(byte, 2)}`],
    [bytes, (slashes: string, byte: number) => slashes + byte.toString(8).padStart(3, '0')],
    [bytes, (slashes: string, byte: number) => slashes + byte.toString(8)],
    ...(code < 256
      ? ([[[code], (slashes: string, each: number) => `${slashes}x${hexOf(each, 2)}`]] as const)
      : []),
  ] as const)
    for (const slashes of BACKSLASHES) yield* bothDigits(numbers.map((each) => write(slashes, each)).join(''))
  for (const sign of ['%', '=']) yield* bothCases(bytes.map((byte) => sign + hexOf(byte, 2)).join(''))
  yield* softBreaks(bytes.map((byte) => `=${hexOf(byte, 2).toUpperCase()}`))
  if (code > 127 && code < 256) yield* bothCases(`%${hexOf(code, 2)}`)
}

/** A line of quoted-printable may break between the bytes of a character. */
const softBreaks = (bytes: readonly string[]): string[] =>
  bytes
    .keys()
    .drop(1)
    .flatMap((at) => ['=\n', '=\r\n'].map((end) => bytes.toSpliced(at, 0, end).join('')))
    .toArray()

const hexOf = (code: number, width: number) => code.toString(16).padStart(width, '0')
const bothCases = (text: string): string[] => [text.toLowerCase(), text.toUpperCase()]
/** Not the letter of the escape itself: `\u00E9`, never `\U00E9`. */
const bothDigits = (text: string): string[] => [text, text.replace(/[a-f]/g, (digit) => digit.toUpperCase())]

const WEB: Record<string, readonly string[]> = {
  '+': ['+', '-', '%2B', '%2b', '\\+', '\\u002b', '\\u002B', '&#43;', '&#x2B;', '&#x2b;'],
  '/': ['/', '_', '%2F', '%2f', '\\/', '\\\\/', '\\u002f', '\\u002F', '&#47;', '&#x2F;', '&#x2f;'],
}

/** A character of base64 or base64url, which may be in an address or in JSON. */
export const base64 = remembered<string>((char) => WEB[char] ?? [char])
/** A character of base32. */
export const base32 = remembered<string>(bothCases)
/** A byte as two digits of hex. */
export const hex = remembered<number>((byte) => mixed(hexOf(byte, 2)))
/** Two bytes as a word of a machine that puts the lower byte first. */
export const hexWord = remembered<number>((word) => bothCases(hexOf(word, 4)))
export const octalWord = remembered<number>((word) => [word.toString(8).padStart(6, '0')])
export const decimal = remembered<number>((byte) => [`${byte}`])
export const octal = remembered<number>((byte) => [byte.toString(8).padStart(3, '0')])
/** A byte in a cell of `od -c`. */
export const cell = remembered<number>((byte) => {
  const char = String.fromCharCode(byte)
  if (letters[char] && byte < 32) return [...letters[char]].map((letter) => `\\${letter}`)
  return [byte > 32 && byte < 127 ? char : byte === 32 ? ' ' : byte.toString(8).padStart(3, '0')]
})

const mixed = (digits: string): string[] =>
  bothCases(digits[0] ?? '').flatMap((first) => bothCases(digits[1] ?? '').map((second) => first + second))
