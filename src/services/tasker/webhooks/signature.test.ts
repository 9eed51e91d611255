import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { isAllowed } from './addresses.ts'
import { createHookLimit } from './limit.ts'
import { keyOf, signatureTrouble, withoutCredentials } from './signature.ts'

const NOW = Date.UTC(2026, 0, 1)
const body = Buffer.from('{"a":1}')
const secret = randomBytes(24).toString('base64')
const github = (text = secret) => `sha256=${createHmac('sha256', text).update(body).digest('hex')}`

function standard({ at = NOW, key = secret, signs = 'msg_1' } = {}): Record<string, string> {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': new Webhook(key).sign(signs, new Date(at), body),
  }
}

type Case = [
  what: string,
  type: 'github' | 'gitlab' | 'standard',
  headers: Record<string, string>,
  trouble?: RegExp,
]
const other = randomBytes(24).toString('base64')
const twice = standard()
const cases: Case[] = [
  ['GitHub, right', 'github', { 'x-hub-signature-256': github() }],
  [
    'GitHub, in upper case',
    'github',
    { 'x-hub-signature-256': github().toUpperCase().replace('SHA256', 'sha256') },
  ],
  ['GitHub, none', 'github', {}, /it has no X-Hub-Signature-256/],
  ['GitHub, of another secret', 'github', { 'x-hub-signature-256': github(other) }, /does not fit/],
  ['GitHub, without its prefix', 'github', { 'x-hub-signature-256': github().slice(7) }, /does not fit/],
  ['GitHub, longer', 'github', { 'x-hub-signature-256': `${github()}0` }, /does not fit/],
  ['GitHub, the older SHA-1 alone', 'github', { 'x-hub-signature': 'sha1=00' }, /it has no/],
  ['GitLab, right', 'gitlab', { 'x-gitlab-token': secret }],
  ['GitLab, none', 'gitlab', {}, /it has no X-Gitlab-Token/],
  ['GitLab, wrong', 'gitlab', { 'x-gitlab-token': `${secret} ` }, /is not the secret/],
  ['Standard, right', 'standard', standard()],
  ['Standard, with whsec_', 'standard', standard({ key: `whsec_${secret}` })],
  [
    'Standard, one of two',
    'standard',
    { ...twice, 'webhook-signature': `v1,${other} ${twice['webhook-signature']}` },
  ],
  ['Standard, of another version', 'standard', { ...twice, 'webhook-signature': 'v2,abc' }, /does not fit/],
  ['Standard, none', 'standard', {}, /it has no webhook-id/],
  ['Standard, of another secret', 'standard', standard({ key: other }), /does not fit/],
  ['Standard, with another id', 'standard', standard({ signs: 'msg_2' }), /does not fit/],
  ['Standard, five minutes old', 'standard', standard({ at: NOW - 300_000 })],
  ['Standard, stale', 'standard', standard({ at: NOW - 301_000 }), /more than 5 minutes/],
  ['Standard, of the future', 'standard', standard({ at: NOW + 301_000 }), /more than 5 minutes/],
  ['Standard, without a time', 'standard', { ...twice, 'webhook-timestamp': 'now' }, /no webhook-timestamp/],
]

for (const [what, type, headers, trouble] of cases)
  test(`a signature: ${what}: ${trouble ? 'refused' : 'taken'}`, () => {
    const found = signatureTrouble(type, secret, { headers, body }, NOW)
    if (trouble) assert.match(found ?? 'taken', trouble)
    else assert.equal(found, undefined)
  })

test('a body that was changed fits no signature', () => {
  const changed = Buffer.from('{"a":2}')
  for (const [what, type, headers, trouble] of cases)
    if (!trouble && type !== 'gitlab')
      assert.notEqual(signatureTrouble(type, secret, { headers, body: changed }, NOW), undefined, what)
})

test('a delivery is known by the id of its kind of sender', () => {
  const headers = { 'x-github-delivery': 'g', 'webhook-id': 's', 'x-gitlab-event-uuid': 'l' }
  assert.equal(keyOf('github', headers), 'g')
  assert.equal(keyOf('standard', headers), 's')
  assert.equal(keyOf('gitlab', headers), 'l')
  assert.equal(keyOf('gitlab', { ...headers, 'idempotency-key': 'i' }), 'i')
  assert.equal(keyOf('github', { 'webhook-id': 's' }), null)
  assert.equal(keyOf(undefined, { 'x-github-delivery': 'g' }), 'g')
})

test('headers that carry credentials are left out', () => {
  const kept = { 'x-github-event': 'push', 'user-agent': 'x' }
  const dropped = ['authorization', 'cookie', 'x-hub-signature-256', 'x-gitlab-token', 'webhook-signature']
  const all = { ...kept, ...Object.fromEntries(dropped.map((name) => [name, 'x'])) }
  assert.deepEqual(withoutCredentials(all), kept)
})

test('an address is allowed by itself or by its range, also as IPv6 writes IPv4', () => {
  const table: [from: string, allow: string[] | undefined, is: boolean][] = [
    ['10.1.2.3', undefined, true],
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8', '11.1.2.3'], true],
    ['11.1.2.4', ['10.0.0.0/8', '11.1.2.3'], false],
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['2001:db9::1', ['2001:db8::/32'], false],
    ['not an address', ['0.0.0.0/0'], false],
  ]
  for (const [from, allow, is] of table) assert.equal(isAllowed(from, allow), is, `${from} ${allow}`)
})

test('a webhook takes 300 deliveries at once and 100 a second, each webhook for itself', () => {
  const limit = createHookLimit()
  for (let i = 0; i < 300; i++) limit.charge('a', NOW)
  assert.throws(() => limit.charge('a', NOW), { code: 'too_many' })
  limit.charge('b', NOW)
  for (let i = 0; i < 100; i++) limit.charge('a', NOW + 1000)
  assert.throws(() => limit.charge('a', NOW + 1000), { code: 'too_many' })
})
