import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newKeyPair } from '#kit/ssh-key.ts'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { people, startProfiles } from './testing/world.ts'

async function start() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startProfiles())
  await people(plane, 'ann', 'bob')
  const undo = stack.move()
  const add = (user: string, given: { key?: string; title?: string } = {}) =>
    plane.bus.ask('profiles.add_key', { user, key: newKeyPair().public.trim(), ...given })
  const list = (user: string) => plane.bus.ask('profiles.list_keys', { user })
  return { ...plane, add, list, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('keys are listed by user, the oldest first, and those of a moment by fingerprint', async () => {
  await using plane = await start()
  const keys = []
  for (let n = 0; n < 3; n++) keys.push(await plane.add('ann'), await plane.add('ann'))
  const of = await plane.add('bob')
  assert.deepEqual(await plane.list('bob'), [of])
  assert.deepEqual(
    await plane.list('ann'),
    keys.toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1)),
  )
})

test('a later key stands after an earlier one, whatever its fingerprint', async () => {
  await using plane = await start()
  const keys = []
  for (let n = 0; n < 6; n++) {
    keys.push(await plane.add('ann'))
    await plane.clock.advance(1)
  }
  assert.deepEqual(await plane.list('ann'), keys)
})

test('a key is named by its title, else by its comment, else key', async () => {
  await using plane = await start()
  const key = () => newKeyPair().public.trim()
  assert.equal((await plane.add('ann', { key: `${key()} ann@laptop`, title: 'mine' })).title, 'mine')
  assert.equal((await plane.add('ann', { key: `${key()} ann@laptop` })).title, 'ann@laptop')
  const [type, text] = key().split(' ')
  assert.equal((await plane.add('ann', { key: `${type} ${text}` })).title, 'key')
})

test('a removed key is one of one user: the other keys, and the keys of others, stay', async () => {
  await using plane = await start()
  const [one, two, bobs] = [await plane.add('ann'), await plane.add('ann'), await plane.add('bob')]
  await assert.rejects(
    plane.bus.ask('profiles.remove_key', { user: 'ann', fingerprint: bobs.fingerprint }),
    /There is no key SHA256:.* of ann/,
  )
  assert.deepEqual(
    await plane.bus.ask('profiles.remove_key', { user: 'ann', fingerprint: one.fingerprint }),
    {},
  )
  assert.deepEqual(await plane.list('ann'), [two])
  assert.deepEqual(await plane.list('bob'), [bobs])
})

test('a key that is there already says on which profile, among the keys of others', async () => {
  await using plane = await start()
  const bobs = await plane.add('bob')
  const anns = await plane.add('ann')
  await assert.rejects(plane.add('ann', { key: anns.key }), { code: 'exists' })
  await assert.rejects(plane.add('ann', { key: bobs.key }), { code: 'conflict' })
  await assert.rejects(plane.add('bob', { key: bobs.key }), { code: 'exists' })
  await assert.rejects(plane.add('nobody'), /no user nobody/)
  await assert.rejects(plane.list('nobody'), /no user nobody/)
})

test('each change of keys is announced for its user, a refused one is not', async () => {
  await using plane = await start()
  const events = collectEvents(plane.bus, ['profile.changed'])
  const { fingerprint, key } = await plane.add('ann')
  await plane.add('ann', { key }).catch(() => {})
  await plane.bus.ask('profiles.remove_key', { user: 'ann', fingerprint })
  await plane.bus.ask('profiles.remove_key', { user: 'ann', fingerprint }).catch(() => {})
  await plane.add('bob')
  await until(() => events.some(({ subject }) => subject === 'bob'))
  assert.deepEqual(
    events.map(({ subject, data }) => [subject, data]),
    ['ann', 'ann', 'bob'].map((user) => [user, { user, what: 'keys' }]),
  )
})
