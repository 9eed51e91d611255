import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstInexactNumber, parseExactJson } from './exact-json.ts'

const read: [text: string, value: unknown][] = [
  ['{"id":356686000032329832}', { id: '356686000032329832' }],
  ['[-9007199254740993, 9007199254740991]', ['-9007199254740993', 9007199254740991]],
  ['1e400', '1e400'],
  ['1e30', '1e30'],
  ['1e3', 1000],
  ['"356686000032329832"', '356686000032329832'],
  ['{"a":{"b":[1.5,12345678901234567890]}}', { a: { b: [1.5, '12345678901234567890'] } }],
]
for (const [text, value] of read)
  test(`a number is exact or keeps its digits: ${text}`, () => assert.deepEqual(parseExactJson(text), value))

test('a whole number of any length is never another number', () =>
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (number) => {
      const { id } = parseExactJson(`{"id":${number}}`) as { id: unknown }
      assert.equal(String(id), String(number))
    }),
  ))

test('what a double holds exactly is read as JSON.parse reads it', () =>
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      if (firstInexactNumber(text) === undefined) assert.deepEqual(parseExactJson(text), JSON.parse(text))
    }),
  ))

test('the first number that a double would change is named as it is written, and digits in a text are none', () => {
  assert.equal(firstInexactNumber('{"a":1,"b":[10000000000000001,2e999]}'), '10000000000000001')
  assert.equal(firstInexactNumber('{"a":"10000000000000001"}'), undefined)
  assert.equal(firstInexactNumber('{"10000000000000001":1}'), undefined)
})

test('names such as __proto__ stay plain keys, also beside a large number', () => {
  const value = parseExactJson('{"__proto__":{"polluted":1},"n":10000000000000001}')
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
})
