import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printable } from './printable.ts'

for (const [what, text, shown] of [
  ['an escape sequence', '\x1b[2Jgone', '\\x1b[2Jgone'],
  ['a return and a newline', 'ok\r\nforged line', 'ok\\x0d\\x0aforged line'],
  ['a C1 control, which some terminals take for ESC [', '\x9b31m', '\\x9b31m'],
  ['NUL and DEL', '\0\x7f', '\\x00\\x7f'],
  ['a right-to-left override', 'a\u202etxt.exe', 'a\\u{202e}txt.exe'],
  ['half of a surrogate pair', '\ud800', '\\u{d800}'],
] as const)
  test(`shown: ${what}`, () => {
    assert.equal(printable(text), shown)
  })

test('a tab and the letters of all scripts stay as they are', () => {
  const text = 'a\tb ä 漢字 👩‍🚀 \\x1b'
  assert.equal(printable(text), text)
})

test('nothing that comes out is a control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), /[^\P{Cc}\t]/u)
    }),
  )
})
