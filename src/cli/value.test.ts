import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindOf, typedValue } from './value.ts'

for (const [text, value, kind] of [
  ['1.4', 1.4, 'a number'],
  ['1.10', 1.1, 'a number'],
  ['0o17', 15, 'a number'],
  ['356686000032329832', '356686000032329832', 'text'],
  ['9007199254740991', 9007199254740991, 'a number'],
  ['[356686000032329832, 1]', ['356686000032329832', 1], 'a list'],
  ['true', true, 'a boolean'],
  ['yes', 'yes', 'text'],
  ['null', null, 'nothing'],
  ['~', null, 'nothing'],
  ['', '', 'text'],
  ['1.2.3', '1.2.3', 'text'],
  ['"1.4"', '1.4', 'text'],
  ['[80, 443]', [80, 443], 'a list'],
  ['{a: b, c: [1]}', { a: 'b', c: [1] }, 'a map'],
  ['hello: world', 'hello: world', 'text'],
  ['red #1', 'red #1', 'text'],
  ['- a', '- a', 'text'],
  ['[broken', '[broken', 'text'],
  ['{{ color }}', '{{ color }}', 'text'],
  ['*alias', '*alias', 'text'],
  ['2026-11-25', '2026-11-25', 'text'],
] as const)
  test(`${text || 'nothing'} is ${kind}`, async () => {
    assert.deepEqual(await typedValue(text, {}), value)
    assert.equal(kindOf(value), kind)
  })

test('text stays as it stands, and JSON is JSON or refused', async () => {
  assert.equal(await typedValue('1.10', { string: true }), '1.10')
  assert.deepEqual(await typedValue('{"a": 1}', { json: true }), { a: 1 })
  await assert.rejects(typedValue('{a: 1}', { json: true }), /is no JSON/)
  await assert.rejects(typedValue('1', { json: true, string: true }), /exclude one another/)
})

test('a number in --json that would be rounded is refused, with what to write instead', async () => {
  await assert.rejects(typedValue('{"id": 356686000032329832}', { json: true }), {
    message: '356686000032329832 is too large a number to be kept exactly.',
  })
  assert.deepEqual(await typedValue('{"id": "356686000032329832"}', { json: true }), {
    id: '356686000032329832',
  })
})
