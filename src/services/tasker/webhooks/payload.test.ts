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
  ['JSON after a byte order mark', json, '\ufeff{"a":1}', { a: 1 }],
  ['text after a byte order mark', 'text/plain', '\ufeffhello', 'hello'],
  ['JSON without a type', '', '{"a":1}', { a: 1 }],
  ['text without a type', '', '{not json', '{not json'],
]
for (const [what, type, body, payload] of taken)
  test(`a body is understood: ${what}`, async () =>
    assert.deepEqual(await payloadOf(Buffer.from(body), { 'content-type': type }), payload))

/** As curl -F sends it. */
const multipart = (...parts: string[]) =>
  `${parts.map((part) => `--frontier\r\nContent-Disposition: form-data; ${part}\r\n`).join('')}--frontier--\r\n`
const inParts = 'multipart/form-data; boundary=frontier'

test('multipart/form-data gives its fields: a repeated one is a list, a file its name, type, size and text', async () => {
  const body = multipart(
    'name="a"\r\n\r\n1',
    'name="b"\r\n\r\nx y',
    'name="b"\r\n\r\nü',
    'name="f"; filename="notes.txt"\r\nContent-Type: text/plain\r\n\r\nline',
  )
  assert.deepEqual(await payloadOf(Buffer.from(body), { 'content-type': inParts }), {
    a: '1',
    b: ['x y', 'ü'],
    f: { name: 'notes.txt', type: 'text/plain', size: 4, text: 'line' },
  })
})

test('a file that is no text has no text, and a field named __proto__ changes no prototype', async () => {
  const file = 'name="f"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
  const body = Buffer.concat([
    Buffer.from(multipart(file).replace(/\r\n--frontier--\r\n$/, '')),
    Buffer.from([0xff, 0xfe]),
    Buffer.from(
      '\r\n--frontier\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nx\r\n--frontier--\r\n',
    ),
  ])
  const payload = (await payloadOf(body, { 'content-type': inParts })) as Record<string, unknown>
  assert.deepEqual(payload.f, { name: 'a.bin', type: 'application/octet-stream', size: 2 })
  assert.equal(Object.getPrototypeOf(payload), Object.prototype)
})

test('a whole number beyond 2^53 keeps its digits as text, in JSON and in a form with JSON', async () => {
  const big = '{"id":356686000032329832,"n":5}'
  const wanted = { id: '356686000032329832', n: 5 }
  assert.deepEqual(await payloadOf(Buffer.from(big), { 'content-type': json }), wanted)
  assert.deepEqual(
    await payloadOf(Buffer.from(`payload=${encodeURIComponent(big)}`), { 'content-type': form }),
    wanted,
  )
})

for (const encoding of ['gzip', 'br', 'GZIP', 'gzip, identity'])
  test(`a body with Content-Encoding ${encoding} is refused as a media type`, () =>
    assert.rejects(payloadOf(Buffer.from('{}'), { 'content-type': json, 'content-encoding': encoding }), {
      code: 'media_type',
    }))

test('a body with Content-Encoding identity is taken as it is', async () =>
  assert.deepEqual(
    await payloadOf(Buffer.from('[1]'), { 'content-type': json, 'content-encoding': 'identity' }),
    [1],
  ))

const refused: [what: string, type: string, body: Buffer, reason: RegExp][] = [
  ['malformed JSON', json, Buffer.from('{"a":'), /the body is not JSON: /],
  ['malformed JSON in a field', form, Buffer.from('payload={"a"'), /the field payload is not JSON/],
  ['bytes that are no text', json, Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
  ['multipart without a boundary', 'multipart/form-data', Buffer.from('x'), /not multipart/],
  ['multipart that ends too soon', inParts, Buffer.from('--frontier\r\nContent'), /not multipart/],
  ['101 levels', json, Buffer.from('['.repeat(102) + ']'.repeat(102)), /deeper than 100/],
  ['a megabyte of brackets', json, Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)), /deeper than 100/],
]
for (const [what, type, body, reason] of refused)
  test(`security 17: a malformed body is refused with its reason: ${what}`, () =>
    assert.rejects(payloadOf(body, { 'content-type': type }), { code: 'invalid', message: reason }))

test('a name like __proto__ in a payload changes no prototype', async () => {
  const payload = await payloadOf(Buffer.from('{"__proto__":{"polluted":1}}'), { 'content-type': json })
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(Object.getPrototypeOf(payload), Object.prototype)
  await payloadOf(Buffer.from('__proto__=1&a=2'), { 'content-type': form })
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})
