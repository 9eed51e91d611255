import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { isProblem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { type Descriptor, type Made, type Provider, type RefusalKind, tokenOf } from '../providers/index.ts'
import { openTransport } from '../transport/index.ts'

export interface Candidate {
  name: string
  provider: Provider
  /** Descriptors as users write them: a server, the same of another size, and one that cannot be had. */
  plain: Descriptor
  resized: Descriptor
  impossible: Descriptor
  /** The same provider where something is wrong with it: what a person has to see to, or nobody. */
  broken: { what: string; provider: Provider; kind: RefusalKind }[]
}

const repo = 'ann/site'

/** What every provider that makes servers must do, whatever its servers are. */
export function describeProvider({ name, provider, plain, resized, impossible, broken }: Candidate): void {
  const pair = newKeyPair()
  const place = { repo, node: `suite-${process.pid}` }
  const token = tokenOf(repo, place.node, plain)
  const wish = (descriptor: Descriptor = plain) => ({ ...place, descriptor, publicKey: pair.public, token })

  describe(`provider ${name}`, { timeout: 120_000 }, () => {
    after(() => provider.destroy({ ...place, id: '' }, 'remove'))
    let made: Made

    const run = async (line: string): Promise<string> => {
      await using transport = openTransport({ clock: systemClock, log: silentLog })
      const { host, port, user, hostKeys } = made
      const privateKey = async () => new Secret(pair.private)
      const connection = transport.connection({ ...place, host, port, user, hostKeys, privateKey })
      return (await connection.exec(line)).stdout
    }

    test('it offers sizes, locations and images by name', async () => {
      for (const offers of [await provider.sizes(), await provider.locations(), await provider.images()]) {
        assert.ok(offers.length > 0)
        assert.ok(offers.every(({ id, description }) => id !== '' && description !== ''))
      }
    })

    test('what it was never asked for is not found', async () => {
      assert.equal(await provider.find({ ...place, token }), undefined)
    })

    test('a server is made and lets the platform in as devops, who may use sudo', async () => {
      made = await provider.create(wish())
      assert.equal(await run('id -un; sudo -n id -u'), 'devops\n0\n')
    })

    test('after a lost reply it is found by its token; asked again, also twice at once, no second one is made', async () => {
      assert.equal((await provider.find({ ...place, token }))?.id, made.id)
      const again = await Promise.all([provider.create(wish()), provider.create(wish())])
      assert.deepEqual(
        again.map(({ id }) => id),
        [made.id, made.id],
      )
    })

    test('its power is switched; what is so already is no error; a found server runs', async () => {
      const boot = async () => (await run('cut -d " " -f 22 /proc/1/stat')).trim()
      const before = await boot()
      await provider.power({ ...place, token }, 'reboot')
      made = (await provider.find({ ...place, token })) ?? made
      assert.notEqual(await boot(), before)
      await provider.power({ ...place, token }, 'stop')
      await provider.power({ ...place, token }, 'stop')
      made = (await provider.find({ ...place, token })) ?? made
      await provider.power({ ...place, token }, 'start')
      assert.equal(await run('echo up'), 'up\n')
    })

    test('another size is given to it where it is', async () => {
      assert.equal(provider.canResize(plain, resized), true)
      await run('echo mine >data')
      const after = await provider.resize(wish(resized))
      assert.equal(after.id, made.id)
      made = after
      assert.equal(await run('cat data'), 'mine\n')
      assert.equal((await provider.find({ ...place, token }))?.id, made.id)
    })

    test('another image is another server', () => {
      assert.equal(provider.canResize(plain, { ...plain, image: 'another' }), false)
    })

    test('what cannot be had is said before it is asked for, and is not tried again', async () => {
      assert.throws(
        () => provider.check(impossible),
        (error) => isProblem(error, 'provider') && error.data.kind === 'final',
      )
      provider.check(plain)
      provider.check(resized)
    })

    for (const { what, kind, provider: wrong } of broken)
      test(`${what} is told as ${kind} by all that it is asked for`, async () => {
        const sorted = (error: unknown) => isProblem(error, 'provider') && error.data.kind === kind
        await assert.rejects(wrong.create(wish()), sorted)
        await assert.rejects(wrong.find({ ...place, token }), sorted)
        await assert.rejects(wrong.images(), sorted)
        await assert.rejects(wrong.power({ ...place, token }, 'stop'), sorted)
        await assert.rejects(wrong.destroy({ ...place, id: 'x' }, 'keep'), sorted)
      })

    test('a failure of each kind is among them', () => {
      assert.deepEqual(
        new Set(broken.map(({ kind }) => kind)),
        new Set(['retry', 'quota', 'credentials', 'final']),
      )
    })

    test('a destroyed server is gone, and destroying it again is no error', async () => {
      await provider.destroy({ ...place, id: made.id }, 'remove')
      assert.equal(await provider.find({ ...place, token }), undefined)
      await provider.destroy({ ...place, id: made.id }, 'remove')
    })
  })
}
