import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formsOfAll } from './forms.ts'
import { createMask } from './index.ts'
import { type Found, follow, Matcher } from './matcher.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 60)

/** Some are the start of another, overlap, share lines, or are as short as a secret can be. */
const families = [
  ['hunter2hunter2', 'hunter2', 'ter2hunt', 'hunter2hunter2hunter3'],
  ['correct horse battery', 'horse battery staple', 'correct'],
  ['-----KEY-----\nc2VjcmV0IG9mIGE=\nbGluZSB0d28=\n-----END-----', 'bGluZSB0d28='],
  ['p&ss it\'s "q" \\x', 'abcd', 'ab cd'],
  ['é€😀 naïve', '0123456789abcdefXYZ', '00000000'],
]
const secrets = fc.oneof(
  fc.constantFrom(...families),
  fc.array(
    fc.base64String({ minLength: 4, maxLength: 24 }).filter((text) => text.length >= 4),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
)

const hex = (text: string) => Buffer.from(text).toString('hex')
const dump = (text: string) =>
  (hex(text).match(/.{1,32}/g) ?? [])
    .map(
      (row, i) =>
        `${(i * 16).toString(16).padStart(8, '0')}: ${row.replace(/..../g, '$& ')} ${'.'.repeat(16)}\n`,
    )
    .join('')
const encoders: ((text: string) => string)[] = [
  (text) => text,
  (text) => Buffer.from(text).toString('base64'),
  (text) => Buffer.from(`x${text}`).toString('base64'),
  (text) => Buffer.from(`xy${text}`).toString('base64url'),
  hex,
  dump,
  encodeURIComponent,
  (text) => JSON.stringify(text),
  (text) => JSON.stringify(JSON.stringify(text)),
  (text) => [...Buffer.from(text)].join(', '),
  (text) => hex(text).replace(/../g, '\\x$&'),
  (text) => `'${text.replaceAll("'", "'\\''")}'`,
]
const noise = fc.constantFrom(
  ' ',
  '\n',
  'ab ',
  '12 ',
  '"',
  '=\n',
  '\\\n',
  '00000010: 6162 ',
  'request=1a2b\n',
  'x',
)

/** What people and programs write with and around secrets: whole, cut, doubled, encoded twice, broken into lines. */
const texts = (all: readonly string[]) => {
  const piece = fc
    .tuple(
      fc.constantFrom(...all),
      fc.constantFrom(...encoders),
      fc.option(fc.constantFrom(...encoders), { freq: 5 }),
      fc.nat(40),
      fc.nat(8),
      fc.constantFrom('', '\n', '\r\n', '\n    ', '\\n', '"\n  "'),
      fc.nat(60),
    )
    .map(([secret, encode, again, from, cut, end, at]) => {
      const once = encode(secret)
      const text = again ? again(once) : once
      const part = text.slice(from > 30 ? from - 30 : 0, text.length - cut)
      return end && at < part.length ? part.slice(0, at) + end + part.slice(at) : part
    })
  return fc
    .array(fc.oneof({ weight: 2, arbitrary: piece }, noise), { maxLength: 6 })
    .map((parts) => parts.join(''))
}
const cases = secrets.chain((all) => fc.tuple(fc.constant(all), texts(all)))

/** Each form followed at each place, with nothing in between. */
function plain(forms: ReturnType<typeof formsOfAll>, text: string, at: number): Found {
  const found: Found = { end: -1, open: false, cut: false }
  for (const form of forms) follow(form, text, at, found)
  return found
}

test('no place is passed over where a form would be found by following each of them', () => {
  fc.assert(
    fc.property(cases, ([all, text]) => {
      const matcher = new Matcher(all)
      const forms = formsOfAll(all)
      for (let at = 0; at < text.length; at++) {
        const slow = plain(forms, text, at)
        const where = `${JSON.stringify(all)} in ${JSON.stringify(text)} at ${at}`
        if (matcher.next(text, at) !== at) {
          assert.deepEqual({ ...slow, at }, { end: -1, open: false, cut: false, at }, where)
          continue
        }
        const [ended, going] = [matcher.at(text, at, true), matcher.at(text, at, false)]
        assert.equal(ended.end, slow.end, where)
        assert.equal(going.end, slow.end, where)
        // Right at the end the fast way may wait for one more character than it must.
        if (slow.open || slow.cut || at + 2 < text.length)
          assert.equal(going.open, slow.open || slow.cut, where)
      }
    }),
    { numRuns: runs },
  )
})

test('however a text with encoded secrets is cut into chunks, what is shown is the same', () => {
  fc.assert(
    fc.property(
      cases,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      ([all, text], lengths) => {
        const whole = createMask(all)
        const cut = createMask(all)
        let shown = ''
        for (let at = 0, i = 0; at < text.length; i++) {
          const length = lengths[i % lengths.length] ?? 1
          shown += cut(text.slice(at, at + length))
          at += length
        }
        assert.equal(shown + cut.end(), whole(text) + whole.end())
      },
    ),
    { numRuns: runs },
  )
})

test('base64 that breaks into the next line after its first character is masked', () => {
  const secret = 'correct?horse>battery~staple'
  for (const before of ['', 'a', 'ab'])
    for (const end of ['\n', '\r\n', '\n    ', '\\n']) {
      const text = Buffer.from(`${before}${secret}`).toString('base64')
      // The characters before it are shared with what stands before the secret.
      const first = Math.ceil((before.length * 8) / 6) + 1
      const mask = createMask([secret])
      const shown = mask(`${text.slice(0, first)}${end}${text.slice(first)}\n`) + mask.end()
      assert.match(shown, /\*\*\*/)
      assert.ok(!shown.includes(text.slice(first + 1, first + 7)), shown)
    }
})

for (const [what, between] of [
  ['a blank', ' '],
  ['a comma', ','],
  ['a line break', '\n'],
] as const)
  test(`a secret whose letters stand ${what} apart is masked`, () => {
    const text = [...'b/iZg+w0Or=='].join(between)
    const mask = createMask(['b/iZg+w0Or=='])
    assert.equal(mask(`see ${text} here`) + mask.end(), 'see *** here')
  })
