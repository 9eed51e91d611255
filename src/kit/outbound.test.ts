import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownAddress } from '#testing/own-address.ts'
import { isOwnAddress, openOutbound } from './outbound.ts'
import { isProblem } from './problem.ts'

const cases: [host: string, allowed: string[], refused: RegExp | null][] = [
  ['127.0.0.1', [], /^127\.0\.0\.1 is the platform’s own machine, .*--allow-address 127\.0\.0\.1`$/],
  ['127.9.8.7', [], /own machine/],
  ['0.0.0.0', [], /own machine/],
  ['::1', [], /own machine/],
  ['::', [], /own machine/],
  ['::ffff:127.0.0.1', [], /another coat/],
  ['::ffff:c000:201', [], /another coat/],
  ['169.254.169.254', [], /link-local/],
  ['fe80::1', [], /link-local/],
  ['fe80::1%eth0', [], /link-local/],
  ['fd00:ec2::254', [], /link-local/],
  ['224.0.0.1', [], /no address of one machine/],
  ['192.0.2.1', [], null],
  ['10.0.0.1', [], null],
  ['2001:db8::1', [], null],
  ['fd00::1', [], null],
  ['127.0.0.1', ['127.0.0.1'], null],
  ['127.0.0.2', ['127.0.0.1'], /own machine/],
  ['127.0.0.2', ['127.0.0.0/8'], null],
  ['fe80::1%eth0', ['fe80::/10'], null],
  ['169.254.169.254', ['127.0.0.0/8', 'localhost'], /link-local/],
]

for (const [host, allowed, refused] of cases)
  test(`${host} is ${refused ? 'refused' : 'entered'} where ${allowed.join(', ') || 'nothing'} is allowed`, () => {
    const outbound = openOutbound(allowed)
    if (!refused) outbound.judge(host)
    else
      assert.throws(
        () => outbound.judge(host),
        (error) => isProblem(error, 'invalid') && refused.test(String(error.data.reason)),
      )
  })

for (const [allowed, fails] of [
  [[], true],
  [['localhost'], false],
  [['LocalHost'], false],
  [['127.0.0.0/8', '::1'], false],
  [['elsewhere'], true],
] as const)
  test(`the name localhost is ${fails ? 'refused' : 'resolved'} where ${allowed.join(', ') || 'nothing'} is allowed`, async () => {
    const { lookup } = openOutbound(allowed)
    const error = await new Promise((done) => lookup('localhost', { all: true }, done))
    assert.equal(isProblem(error, 'invalid'), fails)
    if (fails) assert.match(String(error), /localhost \(.*1\) is the platform’s own machine/)
  })

test('a network whose prefix is none is refused by its name', () => {
  for (const net of ['127.0.0.0/33', '127.0.0.0/x', '::1/129'])
    assert.throws(() => openOutbound([net]), new RegExp(`${net} is no network`))
})

test('an address of this machine in a network is known as its own, also as IPv6 writes it', () => {
  const own = ownAddress()
  assert.deepEqual([own, `::ffff:${own}`, '192.0.2.1', 'fe80::1', ''].map(isOwnAddress), [
    true,
    true,
    false,
    false,
    false,
  ])
})
