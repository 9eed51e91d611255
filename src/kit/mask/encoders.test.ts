import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { createMask, hider } from './index.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 40)

const wrapped = (text: string, width: number, end: string) =>
  text.replace(new RegExp(`.{${width}}`, 'g'), (line) => line + end)
const bytesOf = (text: string) => [...Buffer.from(text)]
const hexOf = (byte: number) => byte.toString(16).padStart(2, '0')
const each = (text: string, write: (char: string) => string) => [...text].map(write).join('')
const codeOf = (char: string) => char.codePointAt(0) ?? 0
const asciiJson = (text: string) =>
  JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

function base32(text: string): string {
  const bits = bytesOf(text)
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('')
}

/** As the standard libraries write it. */
const encoders: Record<string, (text: string) => string> = {
  raw: (text) => text,
  'base64 that wraps at 76 with LF': (text) => wrapped(Buffer.from(text).toString('base64'), 76, '\n'),
  'base64 that wraps at 76 with CRLF': (text) => wrapped(Buffer.from(text).toString('base64'), 76, '\r\n'),
  'base64 that wraps at 64, as PEM': (text) =>
    `-----BEGIN X-----\n${wrapped(Buffer.from(text).toString('base64'), 64, '\n')}\n-----END X-----\n`,
  'base64 that wraps at 20 in indented YAML': (text) =>
    wrapped(Buffer.from(text).toString('base64'), 20, '\n    '),
  'base64 that wraps at 76 in JSON': (text) =>
    JSON.stringify(wrapped(Buffer.from(text).toString('base64'), 76, '\r\n')),
  'base64 in an address': (text) => encodeURIComponent(Buffer.from(text).toString('base64')),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  'base32 that wraps at 64': (text) => wrapped(base32(text), 64, '\n'),
  'hex, lower': (text) => Buffer.from(text).toString('hex'),
  'hex, upper, wrapped at 60': (text) => wrapped(Buffer.from(text).toString('hex').toUpperCase(), 60, '\n'),
  'hex with colons': (text) => bytesOf(text).map(hexOf).join(':'),
  'hex in a list of C': (text) =>
    bytesOf(text)
      .map((byte) => `0x${hexOf(byte)}`)
      .join(', '),
  'hex after a backslash': (text) =>
    bytesOf(text)
      .map((byte) => `\\x${hexOf(byte)}`)
      .join(''),
  'octal after a backslash': (text) =>
    bytesOf(text)
      .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
      .join(''),
  JSON: (text) => JSON.stringify(text),
  'JSON with escaped slashes': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'JSON of ASCII': asciiJson,
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify(text)),
  'JSON of Go': (text) =>
    JSON.stringify(text).replace(/[<>&]/g, (char) => `\\u00${hexOf(char.charCodeAt(0))}`),
  'HTML with names': (text) =>
    each(
      text,
      (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[char] ?? char,
    ),
  'HTML in decimal': (text) => each(text, (char) => `&#${codeOf(char)};`),
  'HTML in hex': (text) => each(text, (char) => `&#x${codeOf(char).toString(16).toUpperCase()};`),
  URL: (text) => encodeURIComponent(text),
  'URL in lower case': (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase()),
  'URL of a form': (text) => new URLSearchParams([['', text]]).toString().slice(1),
  'URL with every byte': (text) =>
    bytesOf(text)
      .map((byte) => `%${hexOf(byte)}`)
      .join(''),
  'single quotes of a shell': (text) => `'${text.replaceAll("'", "'\\''")}'`,
  'single quotes of Python shlex': (text) => `'${text.replaceAll("'", `'"'"'`)}'`,
  'double quotes of a shell': (text) => `"${text.replace(/[\\$"`]/g, '\\$&')}"`,
  'backslashes of Ruby shellescape': (text) =>
    text.replace(/[^A-Za-z0-9_.,:+/@\n-]/gu, '\\$&').replaceAll('\n', "'\n'"),
  SQL: (text) => `'${text.replaceAll("'", "''")}'`,
  'SQL of MySQL': (text) =>
    `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`,
  CSV: (text) => `"${text.replaceAll('"', '""')}"`,
  'inspect of Node': (text) => inspect(text),
  'JSON of a buffer': (text) => JSON.stringify(Buffer.from(text).toJSON().data),
  'escape of JavaScript': (text) => escape(text),
  'code points of JavaScript': (text) => each(text, (char) => `\\u{${codeOf(char).toString(16)}}`),
  'quoted-printable': (text) =>
    wrapped(
      bytesOf(text)
        .map((byte) => `=${hexOf(byte).toUpperCase()}`)
        .join(''),
      75,
      '=\n',
    ),
}

const grapheme = fc.string({ unit: 'grapheme', minLength: 4, maxLength: 100 })
const binary = fc.string({ unit: 'binary', minLength: 4, maxLength: 100 })
const password = fc.string({
  unit: fc.constantFrom(...'abcXYZ019+/\'"\\$`&<>%#!;:,.= ~{}[]()|\n\té€😀'),
  minLength: 4,
  maxLength: 100,
})
const secrets = fc
  .oneof(grapheme, binary, password)
  .map((text) => text.toWellFormed().replaceAll('\0', 'x'))
  .filter((text) => text.length >= 4 && text.trim().length >= 4)

/** Numbers that stand apart are recognized from eight bytes on. */
const lists = secrets.filter((text) => Buffer.byteLength(text) >= 8)

/** `text` in chunks of the given lengths. */
function chunked(text: string, lengths: readonly number[]): string[] {
  const chunks: string[] = []
  for (let at = 0, i = 0; at < text.length; i++) {
    const length = lengths[i % lengths.length] ?? 1
    chunks.push(text.slice(at, at + length))
    at += length
  }
  return chunks
}

function shownOf(secret: string, text: string, lengths: readonly number[]): string {
  const mask = createMask([secret])
  return chunked(text, lengths).map(mask).join('') + mask.end()
}

const lengthsOf = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 })

describe('a secret is masked as a standard library writes it', () => {
  for (const [name, encode] of Object.entries(encoders))
    test(name, () => {
      fc.assert(
        fc.property(
          name.startsWith('JSON of a buffer') ? lists : secrets,
          lengthsOf,
          fc.constantFrom('', 'a', 'ab', 'abc'),
          (secret, lengths, before) => {
            const bare = encode(secret)
            const inside = `<< ${bare} >>\n`
            const shown = shownOf(secret, inside, lengths)
            const left = shown.replace(/^<< |>>\n$/g, '').replaceAll('***', '')
            const rest = left.replace(/-----\w+ X-----|0x|%3D|[\s"'<>,=Buffer\\x$%:&#;]/g, '')
            assert.ok(rest.length <= 4, `${JSON.stringify(inside)} was shown as ${JSON.stringify(shown)}`)
            assert.equal(hider([secret])(inside), shown)
            if (before) {
              const moved = shownOf(secret, encode(`${before}${secret}${before}`), lengths)
              assert.ok(moved.includes('***'), `${JSON.stringify(encode(before + secret + before))}`)
            }
          },
        ),
        { numRuns: runs },
      )
    })
})

const python = (expression: string): [string, string[]] => [
  'python3',
  [
    '-c',
    `import sys,json,base64,pprint,shlex,html,quopri,binascii,urllib.parse
b=sys.stdin.buffer.read(); s=b.decode(); sys.stdout.reconfigure(encoding='utf-8', newline='')
print(${expression})`,
  ],
]
const bash = (script: string, locale = 'C.UTF-8'): [string, string[]] => [
  'bash',
  ['-c', `export LC_ALL=${locale}; IFS= read -r -d '' x; ${script}`],
]
const perl = (script: string): [string, string[]] => [
  'perl',
  ['-MData::Dumper', '-MMIME::Base64', '-MMIME::QuotedPrint', '-e', `local $/; $_ = <STDIN>; ${script}`],
]

/**
 * What the program prints of the secret in its stdin; how many letters and digits may be left: of the program, of what
 * shares a character or word with the secret's end, and of the secret in a row of dots.
 */
const programs: Record<string, { run: [string, string[]]; own?: number; lists?: true }> = {
  base64: { run: ['base64', []] },
  'base64 -w 20': { run: ['base64', ['-w', '20']] },
  base32: { run: ['base32', []] },
  'openssl base64': { run: ['openssl', ['base64']] },
  xxd: { run: ['xxd', []], own: 16, lists: true },
  'xxd -p': { run: ['xxd', ['-p']] },
  'xxd -i': { run: ['xxd', ['-i']] },
  'od -An -tx1': { run: ['od', ['-An', '-v', '-tx1']] },
  'od -tx1': { run: ['od', ['-v', '-tx1']] },
  'od -tx1z': { run: ['od', ['-v', '-tx1z']], own: 16, lists: true },
  od: { run: ['od', ['-v']], own: 14, lists: true },
  'od -x': { run: ['od', ['-v', '-x']], own: 14, lists: true },
  'od -b': { run: ['od', ['-v', '-b']], lists: true },
  'od -An -tu1': { run: ['od', ['-An', '-v', '-tu1']], lists: true },
  'od -c': { run: ['od', ['-v', '-c']], lists: true },
  'printf %q of bash': { run: bash('printf %q "$x"') },
  'printf %q of bash in C': { run: bash('printf %q "$x"', 'C') },
  'the operator @Q of bash': { run: bash(`printf %s "\${x@Q}"`) },
  'declare -p of bash': { run: bash('declare -p x'), own: 16 },
  'set -x of bash': { run: bash('exec 2>&1; set -x; : "$x"') },
  'printf %q of coreutils': { run: bash('env printf %q "$x"') },
  'repr of Python': { run: python('repr(s)') },
  'ascii of Python': { run: python('ascii(s)') },
  'repr of bytes in Python': { run: python('repr(b)') },
  'pprint of Python': { run: python('pprint.pformat({"k": s}, width=40)') },
  'json of Python': { run: python('json.dumps(s)') },
  'encodebytes of Python': { run: python('base64.encodebytes(b).decode()') },
  'repr of encodebytes in Python': { run: python('base64.encodebytes(b)') },
  'quote_plus of Python': { run: python('urllib.parse.quote_plus(s)') },
  'quote of Python shlex': { run: python('shlex.quote(s)') },
  'html of Python': { run: python('html.escape(s)') },
  'xmlcharrefreplace of Python': { run: python('s.encode("ascii","xmlcharrefreplace").decode()') },
  'quopri of Python': { run: python('quopri.encodestring(b).decode()') },
  'list of bytes in Python': { run: python('list(b)'), lists: true },
  'Dumper of Perl': { run: perl('$Data::Dumper::Useqq = 1; print Dumper($_)'), own: 8 },
  'quotemeta of Perl': { run: perl('print quotemeta') },
  'encode_base64 of Perl': { run: perl('print encode_base64($_)') },
  'encode_qp of Perl': { run: perl('print encode_qp($_)') },
  'jq @sh': { run: ['jq', ['-rRs', '@sh']] },
  'jq @json': { run: ['jq', ['-aRs', '.']] },
  'jq @uri': { run: ['jq', ['-rRs', '@uri']] },
  'jq @html': { run: ['jq', ['-rRs', '@html']] },
  'jq @csv': { run: ['jq', ['-rRs', '[.]|@csv']] },
}
const isThere = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

test('what holds no secret is left as it is', () => {
  const innocent = [
    'GET /a/b?c=d%20e HTTP/1.1 200 "Mozilla/5.0 (X11; Linux x86_64)"\n',
    '00000000: 4865 6c6c 6f2c 2077 6f72 6c64 210a       Hello, world!.\n',
    "it's 12:30, 1 2 3 4 5 6 7 8 9 10 and 101, 102, 103\\n\n",
    'aGVsbG8gd29ybGQhIGhlbGxvIHdvcmxkIQ==\n{"a":"\\u00e9\\n"}\n',
    "&lt;b&gt; &#39;x&#39; it&apos;s\n+ echo 'a'\\''b'\n",
  ].join('')
  fc.assert(
    fc.property(fc.base64String({ minLength: 8, maxLength: 60 }), lengthsOf, (secret, lengths) => {
      fc.pre(!innocent.includes(secret))
      assert.equal(shownOf(`${secret}Zq`, innocent, lengths), innocent)
    }),
    { numRuns: runs },
  )
})

describe('a secret is masked as the program writes it', () => {
  for (const [name, { run, own = 5, lists: isList }] of Object.entries(programs))
    test(name, { skip: isThere(run[0]) ? false : `${run[0]} is not installed` }, () => {
      fc.assert(
        fc.property(isList ? lists : secrets, lengthsOf, (secret, lengths) => {
          const said = execFileSync(run[0], run[1], { input: secret, encoding: 'utf8' })
          const shown = shownOf(secret, said, lengths)
          const bare = shown.replaceAll(/^0+:?(?=[ *])|^[0-9a-f]{7,8}$/gm, '')
          const rest = bare.replaceAll(/\*\*\*|0x|\\[nrtu]/g, '').replace(/[^\p{L}\p{N}]/gu, '')
          assert.ok(rest.length <= own, `${JSON.stringify(said)} was shown as ${JSON.stringify(shown)}`)
        }),
        { numRuns: Math.ceil(runs / 8) },
      )
    })
})
