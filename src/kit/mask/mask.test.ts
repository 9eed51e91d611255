import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMask, hider } from './index.ts'

const all = (secrets: string[], chunks: readonly string[]): string => {
  const mask = createMask(secrets)
  return chunks.map(mask).join('') + mask.end()
}

for (const [what, chunks, shown] of [
  ['a secret', ['pass is hunter2hunter2 ok'], 'pass is *** ok'],
  ['a secret that is split over chunks', ['pass is hun', 'ter2hun', 'ter2 ok'], 'pass is *** ok'],
  ['a start that turns out to be none', ['hunter2', ' and hunter'], 'hunter2 and hunter'],
  ['two that overlap', ['hunter2hunter2hunter2hunter2'], '***'],
  ['base64', [Buffer.from('hunter2hunter2').toString('base64')], '***I='],
  ['its URL form', ['https://x/?q=p%26ss%20word'], 'https://x/?q=***'],
  ['its JSON form', ['{"k":"line\\"one"}'], '{"k":"***"}'],
] as const)
  test(`masked: ${what}`, () => {
    assert.equal(all(['hunter2hunter2', 'p&ss word', 'line"one'], chunks), shown)
  })

for (const [text, shown] of [
  ['pass is hunter2hunter2 ok', 'pass is *** ok'],
  ['got "hunter2hun...', 'got "***...'],
  ['got "hunter2hun…', 'got "***…'],
  ['got "hun...', 'got "hun...'],
  ['hex 68756e7465723268756e7465723221', 'hex ***21'],
  ['hunter2 and ...', 'hunter2 and ...'],
  ["q=p%26ss+it%27s q=p%26ss%20it's q=p%26ss+it%27s", 'q=*** q=*** q=***'],
  ['<b>p&amp;ss it&#39;s</b>', '<b>***</b>'],
  [`+ echo 'p&ss it'\\''s' 'p&ss it'"'"'s'`, `+ echo '***' '***'`],
  ['a 0123456789abcdefXYZ b', 'a *** b'],
] as const)
  test(`hidden in a whole text: ${text}`, () => {
    assert.equal(hider(['hunter2hunter2', "p&ss it's", '<0123456789abcdefXYZ>'])(text), shown)
  })

test('each line of a secret of many lines is masked by itself', () => {
  assert.equal(all(['first line\nsecond line'], ['<first line>', '<second line>']), '<***><***>')
})

test('a secret in base64 is masked at every offset and in both alphabets', () => {
  const secret = 'correct?horse>battery~staple'
  for (const before of ['', 'a', 'ab', 'abc'])
    for (const alphabet of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${before}${secret}zz`).toString(alphabet)
      const left = Buffer.from(all([secret], [text]).replaceAll('***', ''), 'base64').toString('latin1')
      assert.ok(!left.includes('horse') && !left.includes('battery'), text)
    }
})

test('nothing is held back that cannot be the start of a secret', () => {
  const mask = createMask(['secret'])
  assert.equal(mask('line\n'), 'line\n')
  assert.equal(mask('line sec'), 'line ')
  assert.equal(mask('ond'), 'second')
  assert.equal(mask.end(), '')
})

/** Few letters, so that secrets overlap each other and themselves. */
const few = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 })

test('however a text is cut, what is shown is the same', () => {
  fc.assert(
    fc.property(fc.array(few, { minLength: 1, maxLength: 3 }), fc.array(few), (secrets, chunks) => {
      assert.equal(all(secrets, chunks), all(secrets, [chunks.join('')]))
    }),
    { numRuns: 500 },
  )
})

test('no secret is left, and what is no secret is left alone', () => {
  fc.assert(
    fc.property(fc.array(few, { minLength: 1, maxLength: 3 }), fc.array(few), (secrets, chunks) => {
      const shown = all(secrets, chunks)
      for (const secret of secrets) assert.ok(!shown.includes(secret), shown)
      if (!secrets.some((secret) => chunks.join('').includes(secret))) assert.equal(shown, chunks.join(''))
    }),
    { numRuns: 500 },
  )
})
