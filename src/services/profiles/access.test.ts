import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { until } from '#testing/until.ts'
import { people, signIn, startProfiles as start } from './testing/world.ts'

const newKey = () => newKeyPair().public.trim()

test('a token is for a scope, of one repository or of all, and says so when it is too narrow', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann')
  const make = async (scope: 'read' | 'write', repo: string | null) => {
    const { token } = await bus.ask('profiles.create_token', { user: 'ann', title: 't', scope, repo })
    const { reach } = await bus.ask('profiles.authenticate', { kind: 'token', token })
    assert.deepEqual(reach, { scope, repo })
    return { user: 'ann', reach: { scope, repo } }
  }
  const read = await make('read', null)
  const shop = await make('write', 'ann/shop')
  await bus.ask('profiles.authorize', { ...read, action: 'repo.read', repo: 'ann/shop' })
  await assert.rejects(
    bus.ask('profiles.authorize', { ...read, action: 'repo.write', repo: 'ann/shop' }),
    /This token is for read: to push takes one for write/,
  )
  await bus.ask('profiles.authorize', { ...shop, action: 'repo.write', repo: 'ann/shop' })
  await assert.rejects(
    bus.ask('profiles.authorize', { ...shop, action: 'repo.read', repo: 'ann/blog' }),
    (error) => isProblem(error, 'not_found'),
  )
  await assert.rejects(
    bus.ask('profiles.authorize', { ...shop, action: 'repo.create' }),
    /This token is for write of ann\/shop: to create a repository takes one for write of everything/,
  )
})

test('no token makes a wider one: to change one’s profile takes scope admin everywhere', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  const own = { user: 'ann', action: 'user.write', whose: 'ann' } as const
  await plane.bus.ask('profiles.authorize', { ...own, reach: { scope: 'admin', repo: null } })
  for (const reach of [
    { scope: 'write', repo: null },
    { scope: 'admin', repo: 'ann/shop' },
  ] as const)
    await assert.rejects(
      plane.bus.ask('profiles.authorize', { ...own, reach }),
      /to change the profile takes one for admin of everything/,
    )
})

test('tokens of a repository go with it', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann')
  const token = { user: 'ann', title: 't', scope: 'read', repo: 'ann/shop' } as const
  await bus.ask('profiles.create_token', token)
  const list = () => bus.ask('profiles.list_tokens', { user: 'ann' })
  assert.equal((await list()).length, 1)
  await bus.publish('repo.deleted', { subject: 'ann/shop', data: { repo: 'ann/shop', by: 'ann' } })
  await until(async () => (await list()).length === 0)
})

test('of a disabled user nothing opens anything, until he is enabled again', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann')
  const key = newKey()
  await bus.ask('profiles.add_key', { user: 'ann', key })
  const { token } = await bus.ask('profiles.create_token', { user: 'ann', title: 't' })
  const nodeKeys = async () => (await bus.ask('profiles.node_keys', { repo: 'ann/shop' })).length
  assert.equal(await nodeKeys(), 1)
  await bus.ask('profiles.update_user', { name: 'ann', disabled: true })
  const ways = [
    () => signIn(plane, 'ann', 'correct horse'),
    () => bus.ask('profiles.authenticate', { kind: 'token', token }),
    () => bus.ask('profiles.authenticate', { kind: 'key', key }),
    () => bus.ask('profiles.authorize', { user: 'ann', action: 'repo.read', repo: 'ann/shop' }),
  ]
  for (const way of ways) await assert.rejects(way(), /user ann is disabled/)
  assert.equal(await nodeKeys(), 0)
  await bus.ask('profiles.update_user', { name: 'ann', disabled: false })
  for (const way of ways) await way()
})

test('a disabled administrator does not count: the last one that can act stays', async () => {
  await using plane = await start()
  const { bus } = plane
  for (const name of ['root', 'deputy']) await bus.ask('profiles.create_user', { name, admin: true })
  await bus.ask('profiles.update_user', { name: 'deputy', disabled: true })
  await assert.rejects(
    bus.ask('profiles.update_user', { name: 'root', disabled: true }),
    /the last administrator/,
  )
})

test('who changes his password proves the present one, and signs out whoever came with it', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann')
  const make = (title: string, session: boolean) =>
    bus.ask('profiles.create_token', { user: 'ann', title, session })
  const [here, there, ci] = [await make('here', true), await make('there', true), await make('ci', false)]
  const change = (current?: string) =>
    bus.ask('profiles.set_password', {
      user: 'ann',
      password: 'battery staple',
      proof: { from: '192.0.2.7', ...(current !== undefined && { current }) },
      keep: here.record.id,
    })
  await assert.rejects(change(), /the present password is needed/)
  await assert.rejects(change('guess'), /is wrong/)
  await change('correct horse')
  await assert.rejects(signIn(plane, 'ann', 'correct horse'), /is wrong/)
  await signIn(plane, 'ann', 'battery staple')
  const tokens = await bus.ask('profiles.list_tokens', { user: 'ann' })
  assert.deepEqual(new Set(tokens.map(({ id }) => id)), new Set([here.record.id, ci.record.id]))
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'token', token: there.token }), /revoked/)
})

test('security 23: guesses of the present password are slowed like guesses at the door', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  const guess = () =>
    plane.bus.ask('profiles.set_password', {
      user: 'ann',
      password: 'battery staple',
      proof: { current: 'guess' },
    })
  for (let i = 0; i < 5; i++) await assert.rejects(guess(), /is wrong/)
  await assert.rejects(guess(), /too many wrong passwords/)
})
