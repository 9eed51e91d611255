import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createSeal } from '#kit/seal.ts'
import { createPlatformKeys, renewPlatformKeys } from './platform-keys.ts'
import { resealRegistry } from './reseal.ts'
import type { Tables } from './tables.ts'
import { startRegistry } from './testing/registry.ts'

test('each repository has one key pair, its own, however often and by how many at once it is asked for', async () => {
  await using registry = await startRegistry()
  const ask = (repo: string) => registry.bus.ask('registry.platform_key', { repo })
  const [first, second] = await Promise.all([ask('ann/shop'), ask('ann/shop')])
  const bobs = await ask('bob/shop')
  assert.deepEqual(second, first)
  assert.deepEqual(await ask('ann/shop'), first)
  assert.deepEqual(await ask('bob/shop'), bobs)
  assert.notEqual(bobs.public_key, first?.public_key)
  assert.match(first?.public_key ?? '', /^ssh-ed25519 \S+ devo\.ps ann\/shop$/)
  assert.match(first?.private_key ?? '', /^-----BEGIN OPENSSH PRIVATE KEY/)
})

test('every key comes under the newest master key, opens to what it was, and is counted once', async () => {
  const [old, young] = [randomBytes(32), randomBytes(32)]
  await using registry = await startRegistry({ seal: createSeal([old]) })
  const store = registry.store.as<Tables>()
  const repos = ['ann/shop', 'bob/shop', 'cleo/shop']
  const keys = []
  for (const repo of repos) keys.push(await registry.bus.ask('registry.platform_key', { repo }))
  const seal = createSeal([young, old])
  assert.equal(await renewPlatformKeys(store.db, seal), 3)
  assert.equal(await renewPlatformKeys(store.db, seal), 0)
  const reading = createPlatformKeys({ ...registry, stack: new AsyncDisposableStack() }, createSeal([young]))
  for (const [n, repo] of repos.entries()) assert.deepEqual(await reading({ repo }), keys[n])
})

test('whatever the registry has sealed comes under the newest master key at once: values, keys and the check', async () => {
  const [old, young] = [randomBytes(32), randomBytes(32)]
  await using registry = await startRegistry({ seal: createSeal([old]) })
  await registry.bus.ask('registry.platform_key', { repo: 'ann/shop' })
  for (const name of ['one', 'two'])
    await registry.bus.ask('registry.set_secret', {
      repo: 'ann/shop',
      name,
      value: `value ${name}`,
      rotate: false,
      by: 'ann',
    })
  const store = registry.store.as<Tables>()
  const checkOf = async () =>
    (await store.db.selectFrom('registry_seal').select('sealed').executeTakeFirst())?.sealed
  const before = await checkOf()
  const seal = createSeal([young, old])
  assert.equal(await resealRegistry(registry.store, seal), 3)
  assert.notEqual(await checkOf(), before)
  const renewed = await checkOf()
  assert.equal(await resealRegistry(registry.store, seal), 0)
  assert.equal(await checkOf(), renewed)
})
