import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutantsOf } from './mutants.ts'

const cases: [what: string, before: string, after: string[]][] = [
  ['a condition always or never holds', 'if (a) b()', ['if (true) b()', 'if (false) b()', 'if (a) ;']],
  ['a bound moves and turns round', 'const a = b < c', ['const a = b <= c', 'const a = b >= c']],
  ['and becomes or', 'const a = b && c', ['const a = b || c']],
  ['a negation is left out', 'const a = !b', ['const a = b']],
  ['a wait is left out', 'const a = await b', ['const a = b']],
  ['a statement is left out', 'await b()', [';', 'b()']],
  ['a value does not come back', 'const a = (b) => c(b)', ['const a = (b) =>  undefined']],
  ['every becomes some', 'const a = b.every(c)', ['const a = b.some(c)']],
  ['an optional link is taken for granted', 'const a = b?.c', ['const a = b.c']],
  ['a filter is left out', 'const a = b.filter(c)', ['const a = b']],
  [
    'a query without its condition, and with the opposite one',
    "const a = db.where('b', '=', c)",
    ['const a = db', "const a = db.where('b', '!=', c)"],
  ],
  ['a query without its limit', 'const a = db.limit(b)', ['const a = db']],
  ['a word is empty', "const a = 'word'", ["const a = ''"]],
  ['a number is one more', 'const a = 1', ['const a = 2']],
  ['a pattern without an anchor', 'const a = /^b$/', ['const a = /b$/', 'const a = /^b/']],
  ['a class turned round', 'const a = /[b]/', ['const a = /[^b]/']],
]

for (const [what, before, after] of cases)
  test(`changes a program: ${what}`, () => {
    assert.deepEqual(
      mutantsOf(before)
        .map((mutant) => mutant.source)
        .sort(),
      after.toSorted(),
    )
  })

const unchanged: [what: string, text: string][] = [
  ['types', "type A = 'b' | 1\nconst a: Record<'b', 1> = c"],
  ['imports', "import { a } from 'b'"],
  ['sentences for people', "const a = 'two words'"],
  ['lines of the log', "log.info({ a: 1 }, 'word')"],
  ['columns of a query', "const a = db.select('b')"],
]

for (const [what, text] of unchanged)
  test(`leaves alone what decides nothing: ${what}`, () => assert.deepEqual(mutantsOf(text), []))

test('a change is known by its function and its words, also when lines are added above it', () => {
  const text = 'function f() {\n  a()\n  a()\n}\nfunction g() {\n  a()\n}'
  const ids = mutantsOf(text).map(({ id }) => id)
  assert.equal(new Set(ids).size, 3)
  const moved = mutantsOf(`// more\n\n${text}`)
  assert.deepEqual(
    moved.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(
    moved.map(({ line, within }) => [line, within]),
    [
      [4, 'f'],
      [5, 'f'],
      [8, 'g'],
    ],
  )
})
