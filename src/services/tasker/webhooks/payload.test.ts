import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloadOf } from './payload.ts'

const json = 'application/json'
const form = 'application/x-www-form-urlencoded'
const field = (value: unknown) => `payload=${encodeURIComponent(JSON.stringify(value))}`

const taken: [what: string, type: string, body: string, payload: unknown][] = [
  ['JSON', json, '{"a":[1,"x",null]}', { a: [1, 'x', null] }],
  ['JSON with a charset', `${json}; charset=utf-8`, '"text"', 'text'],
  ['JSON of a kind', 'application/cloudevents+json', '{"a":1}', { a: 1 }],
  ['a form', form, 'a=1&b=x+y&b=%26', { a: '1', b: ['x y', '&'] }],
  ["GitHub's form", form, field({ a: { b: 1 } }), { a: { b: 1 } }],
  ['a form whose field payload is text', form, 'payload=text', { payload: 'text' }],
  ['JSON that was called a form, as curl -d does', form, '{"a":1}', { a: 1 }],
  ['no body', json, '', null],
  ['no body and no type', '', '', null],
  ['text', 'text/plain', '{"a":1} and more', '{"a":1} and more'],
  ['JSON in text', 'text/plain', '{"a":1}', '{"a":1}'],
  ['JSON without a type', '', '{"a":1}', { a: 1 }],
  ['text without a type', '', '{not json', '{not json'],
]
for (const [what, type, body, payload] of taken)
  test(`a body is understood: ${what}`, () => assert.deepEqual(payloadOf(Buffer.from(body), type), payload))

const refused: [what: string, type: string, body: Buffer, reason: RegExp][] = [
  ['malformed JSON', json, Buffer.from('{"a":'), /the body is not JSON: /],
  ['malformed JSON in a field', form, Buffer.from('payload={"a"'), /the field payload is not JSON/],
  ['bytes that are no text', json, Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
  ['101 levels', json, Buffer.from('['.repeat(102) + ']'.repeat(102)), /deeper than 100/],
  ['a megabyte of brackets', json, Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)), /deeper than 100/],
]
for (const [what, type, body, reason] of refused)
  test(`security 17: a malformed body is refused with its reason: ${what}`, () =>
    assert.throws(() => payloadOf(body, type), { code: 'invalid', message: reason }))

test('a name like __proto__ in a payload changes no prototype', () => {
  const payload = payloadOf(Buffer.from('{"__proto__":{"polluted":1}}'), json)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(Object.getPrototypeOf(payload), Object.prototype)
  payloadOf(Buffer.from('__proto__=1&a=2'), form)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})
