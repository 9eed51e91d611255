import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireDocker } from '#testing/fleet.ts'
import { ownAddress } from '#testing/own-address.ts'
import { guardedLookup, innerAddress, openOutbound } from './outbound.ts'
import { isInnerBridge, isOwnAddress } from './own-interfaces.ts'
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
  ['::127.0.0.1', [], /another coat/],
  ['::ffff:0:127.0.0.1', [], /another coat/],
  ['64:ff9b::127.0.0.1', [], /127\.0\.0\.1 in another coat/],
  ['64:ff9b::', [], /0\.0\.0\.0 in another coat/],
  ['0064:FF9B:0:0::7f00:1', [], /127\.0\.0\.1 in another coat/],
  ['64:ff9b::a9fe:a9fe', [], /169\.254\.169\.254 in another coat/],
  ['64:ff9b::c000:201', [], null],
  ['64:ff9b:1::7f00:1', [], /another coat/],
  ['64:ff9b:1:7f00:0:100::', [], /another coat/],
  ['2002:7f00::', [], /127\.0\.0\.0 in another coat/],
  ['2002:7f00:1::1', [], /127\.0\.0\.1 in another coat/],
  ['2002:c000:201::1', [], null],
  ['2001:0:c000:201::80ff:fffe', [], /127\.0\.0\.1 in another coat/],
  ['2001:0:c000:201::3fff:fdfe', [], null],
  ['2001:db8::5efe:127.0.0.1', [], /127\.0\.0\.1 in another coat/],
  ['fd20:ce::254', [], /link-local/],
  ['168.63.129.16', [], /link-local/],
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
  ['127.0.0.1', ['0.0.0.0/0'], null],
  ['fe80::1', ['::/0'], null],
  ['::1', ['0.0.0.0/0'], /own machine/],
  ['localhost', [], null],
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

for (const spelled of ['127.1', '0x7f.0.0.1', '2130706433'])
  test(`${spelled}, another way to write this machine, is refused when it is resolved`, async () => {
    const { lookup } = openOutbound()
    const error = await new Promise((done) => lookup(spelled, { all: true }, done))
    assert.ok(isProblem(error, 'invalid'), String(error))
  })

for (const [place, addresses] of [
  ['first', ['127.0.0.1', '192.0.2.1', '2001:db8::1']],
  ['second', ['192.0.2.1', '127.0.0.1', '2001:db8::1']],
  ['last', ['192.0.2.1', '2001:db8::1', '64:ff9b::7f00:1']],
] as const)
  test(`a name with several addresses is refused when the ${place} of them is this machine`, async () => {
    const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    const { lookup } = openOutbound([], (_host, _options, done) => done(null, all, 0))
    const error = await new Promise((done) => lookup('rebound.example.org', { all: true }, done))
    assert.ok(isProblem(error, 'invalid'), String(error))
    assert.match(error.message, /rebound\.example\.org \((127\.0\.0\.1|64:ff9b::7f00:1)\)/)
  })

for (const host of ['rebound.example.org', 'REBOUND.example.org'])
  test(`${host} is resolved to this machine where it is allowed by name, however it is written`, async () => {
    const { lookup } = openOutbound(['Rebound.Example.org'], (_host, _options, done) =>
      done(null, '127.0.0.1', 4),
    )
    const found = await new Promise((done) =>
      lookup(host, {}, (error, address, family) => done([error, address, family])),
    )
    assert.deepEqual(found, [null, '127.0.0.1', 4])
  })

test('a single address of a name is judged like a list, and a refusal comes with no address', async () => {
  const { lookup } = openOutbound([], (_host, _options, done) => done(null, '127.0.0.1', 4))
  const [error, address] = await new Promise<unknown[]>((done) =>
    lookup('rebound.example.org', {}, (...answer) => done(answer)),
  )
  assert.ok(isProblem(error, 'invalid'), String(error))
  assert.equal(address, '')
})

test('a name that cannot be resolved fails with the reason of the resolver', async () => {
  const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  const { lookup } = openOutbound([], (_host, _options, done) => done(failure, '', 0))
  const error = await new Promise((done) => lookup('none.example.org', {}, done))
  assert.equal(error, failure)
})

test('a name whose addresses are all elsewhere is handed on as it was found', async () => {
  const all = [
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]
  const lookup = guardedLookup(
    () => undefined,
    (_host, _options, done) => done(null, all, 0),
  )
  const found = await new Promise((done) =>
    lookup('x.example.org', { all: true }, (_error, some) => done(some)),
  )
  assert.deepEqual(found, all)
})

test('the own address of the bridge of this machine’s containers is refused, unless it is allowed by name', async () => {
  const docker = await requireDocker()
  const { IPAM } = (await docker.getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Subnet?: string; Gateway?: string }[] }
  }
  const [config] = IPAM.Config
  // Where the engine was not told, the bridge has the first address of its network.
  const own = config?.Gateway ?? config?.Subnet?.replace(/\d+\/\d+$/, '1') ?? ''
  assert.match(own, /^\d/)
  assert.match(innerAddress(own) ?? '', /own machine, as its containers see it/)
  const [high, low] = [0, 2].map((at) => hexOf(own.split('.').slice(at, at + 2)))
  for (const coat of [`::ffff:${own}`, `64:ff9b::${own}`, `2002:${high}:${low}::1`])
    assert.throws(() => openOutbound().judge(coat), /another coat/, coat)
  openOutbound([own]).judge(own)
  const next = own.replace(/\d+$/, (last) => String(Number(last) + 77))
  openOutbound().judge(next)
})

const hexOf = (bytes: string[]): string =>
  bytes.map((byte) => Number(byte).toString(16).padStart(2, '0')).join('')

test('a bridge that leads out of the machine by a device, a bond or a VLAN is no bridge of its containers', () => {
  const root = mkdtempSync(join(tmpdir(), 'devops-interfaces-'))
  try {
    const port = (bridge: string, name: string, ...entries: string[]) => {
      mkdirSync(join(root, bridge, 'brif', name), { recursive: true })
      for (const entry of ['ifindex', ...entries]) mkdirSync(join(root, name, entry), { recursive: true })
    }
    port('br-veth', 'veth1')
    port('br-device', 'veth2')
    port('br-device', 'eth0', 'device')
    port('br-bond', 'bond0', 'lower_eth1')
    mkdirSync(join(root, 'docker0', 'brif'), { recursive: true })
    assert.deepEqual(
      ['br-veth', 'docker0', 'br-device', 'br-bond', 'eth0', 'none'].map((name) =>
        isInnerBridge(join(root, name)),
      ),
      [true, true, false, false, false, false],
    )
  } finally {
    rmSync(root, { recursive: true })
  }
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
