import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import type { Tables } from './tables.ts'
import { people, signIn, startProfiles as start } from './testing/world.ts'

const newKey = () => newKeyPair().public.trim()

test('a user who differs from another by case alone is refused', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  await assert.rejects(plane.bus.ask('profiles.create_user', { name: 'Ann' }), /User Ann exists already/)
})

test('who proves a password, a token or a key is identified; no answer holds the password', async () => {
  await using plane = await start()
  const { bus } = plane
  const user = await bus.ask('profiles.create_user', { name: 'ann', password: 'correct horse', admin: true })
  assert.deepEqual(user, {
    name: 'ann',
    email: null,
    admin: true,
    disabled: false,
    created_at: plane.clock.now(),
  })
  assert.equal((await signIn(plane, 'ann', 'correct horse')).via, 'password')
  await assert.rejects(signIn(plane, 'ann', 'wrong'), /the user name or the password is wrong/)
  await assert.rejects(signIn(plane, 'bob', 'correct horse'), /the user name or the password is wrong/)

  const { token, record } = await bus.ask('profiles.create_token', { user: 'ann', title: 'laptop' })
  assert.match(token, /^devo_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(await bus.ask('profiles.authenticate', { kind: 'token', token }), {
    user: 'ann',
    admin: true,
    via: 'token',
    credential: record.id,
    reach: { scope: 'admin', repo: null },
  })

  const key = newKey()
  const { fingerprint } = await bus.ask('profiles.add_key', { user: 'ann', key: `${key} ann@laptop` })
  assert.equal((await bus.ask('profiles.authenticate', { kind: 'key', key })).credential, fingerprint)
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'key', key: newKey() }), /is on no profile/)
})

test('security 21: a token is stored as a hash, expires, can be revoked, and remembers its use', async () => {
  await using plane = await start()
  const { bus, clock, store } = plane
  await people(plane, 'ann')
  const short = await bus.ask('profiles.create_token', { user: 'ann', title: 'ci', expires_in: 60 })
  const long = await bus.ask('profiles.create_token', { user: 'ann', title: 'laptop' })
  const rows = await store.db.selectFrom('profiles_tokens').selectAll().execute()
  assert.ok(!JSON.stringify(rows).includes(long.token))

  await bus.ask('profiles.authenticate', { kind: 'token', token: short.token })
  const tokens = await bus.ask('profiles.list_tokens', { user: 'ann' })
  const used = tokens.find(({ id }) => id === short.record.id)
  assert.equal(used?.used_at, clock.now())
  await clock.advance(60_000)
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'token', token: short.token }), /has expired/)

  await assert.rejects(
    bus.ask('profiles.revoke_token', { user: 'bob', id: long.record.id }),
    /There is no token/,
  )
  await bus.ask('profiles.revoke_token', { user: 'ann', id: long.record.id })
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'token', token: long.token }), /revoked/)
})

test('a key belongs to one user only', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann', 'bob')
  const key = newKey()
  await bus.ask('profiles.add_key', { user: 'ann', key })
  await assert.rejects(bus.ask('profiles.add_key', { user: 'ann', key }), /exists already/)
  await assert.rejects(bus.ask('profiles.add_key', { user: 'bob', key }), /a key belongs to one user only/)
})

test('security 23: wrong passwords cost ever longer delays, over a restart and also when they come all at once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-profiles-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'store.sqlite')
  const refusals: string[] = []
  {
    await using plane = await start({ path })
    await people(plane, 'ann')
    const tries = Array.from({ length: 20 }, () =>
      signIn(plane, 'ann', 'guess').catch((error) => error.message),
    )
    refusals.push(...((await Promise.all(tries)) as string[]))
  }
  assert.equal(refusals.filter((text) => text.includes('is wrong')).length, 5)
  assert.equal(refusals.filter((text) => text.includes('try again in 1 second')).length, 15)

  await using plane = await start({ path })
  const { clock } = plane
  await assert.rejects(signIn(plane, 'ann', 'correct horse'), /try again in 1 second/)
  for (const seconds of [2, 4, 8, 16]) {
    await clock.advance((seconds / 2) * 1000)
    await assert.rejects(signIn(plane, 'ann', 'guess'), /is wrong/)
    await assert.rejects(signIn(plane, 'ann', 'correct horse'), new RegExp(`try again in ${seconds} seconds`))
  }
  await clock.advance(16_000)
  await signIn(plane, 'ann', 'correct horse')
  await assert.rejects(signIn(plane, 'ann', 'guess'), /is wrong/)
  await signIn(plane, 'ann', 'correct horse')
})

test('security 23: one password tried on many users is slowed by the address that it comes from', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  for (const user of ['u1', 'u2', 'u3', 'u4', 'u5'])
    await assert.rejects(signIn(plane, user, 'guess', '192.0.2.7'), /is wrong/)
  await assert.rejects(signIn(plane, 'ann', 'correct horse', '192.0.2.7'), /too many wrong passwords/)
  assert.equal((await signIn(plane, 'ann', 'correct horse', '192.0.2.8')).user, 'ann')
})

test('keys of nodes are those of the owner and of who may log in, sorted', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann', 'bob', 'carl', 'dora')
  for (const user of ['dora', 'carl', 'bob', 'ann'])
    await bus.ask('profiles.add_key', { user, key: newKey() })
  const repo = 'ann/shop'
  await bus.ask('profiles.set_collaborator', { repo, user: 'dora', role: 'admin' })
  await bus.ask('profiles.set_collaborator', { repo, user: 'carl', role: 'write' })
  await bus.ask('profiles.set_collaborator', { repo, user: 'bob', role: 'read' })
  const keys = await bus.ask('profiles.node_keys', { repo })
  assert.deepEqual(
    keys.map(({ user }) => user),
    ['ann', 'carl', 'dora'],
  )
  await bus.ask('profiles.remove_collaborator', { repo, user: 'carl' })
  assert.equal((await bus.ask('profiles.node_keys', { repo })).length, 2)
})

test('changes of keys, tokens and collaborators are announced, and nothing that changed nothing', async () => {
  await using plane = await start()
  const { bus } = plane
  const events = collectEvents(bus, ['profile.changed', 'collaborator.changed'])
  await people(plane, 'ann', 'bob')
  const key = newKey()
  const { fingerprint } = await bus.ask('profiles.add_key', { user: 'bob', key })
  await assert.rejects(bus.ask('profiles.add_key', { user: 'ann', key }))
  await bus.ask('profiles.remove_key', { user: 'bob', fingerprint })
  const { record } = await bus.ask('profiles.create_token', { user: 'bob', title: 'ci' })
  await bus.ask('profiles.revoke_token', { user: 'bob', id: record.id })
  for (const role of ['read', 'read', 'write'] as const)
    await bus.ask('profiles.set_collaborator', { repo: 'ann/shop', user: 'bob', role })
  await bus.ask('profiles.delete_user', { name: 'bob' })
  await until(() => events.length === 10)
  const told = events.map(({ data }) =>
    'what' in data ? `${data.user} ${data.what}` : `${data.repo} ${data.role}`,
  )
  assert.deepEqual(told.sort(), [
    'ann user',
    'ann/shop null',
    'ann/shop read',
    'ann/shop write',
    'bob keys',
    'bob keys',
    'bob tokens',
    'bob tokens',
    'bob user',
    'bob user',
  ])
})

test('the owner is no collaborator, and nobody is made owner', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann', 'bob')
  const set = (user: string, role: 'read' | 'owner') =>
    bus.ask('profiles.set_collaborator', { repo: 'ann/shop', user, role })
  await assert.rejects(set('ann', 'read'), /ann owns ann\/shop already/)
  await assert.rejects(set('bob', 'owner'), /role owner belongs to ann/)
  await assert.rejects(set('nobody', 'read'), /There is no user nobody/)
})

test('a user is told of owned and shared repositories, who is gone of none', async () => {
  await using plane = await start()
  const { bus, owned } = plane
  await people(plane, 'ann', 'bob')
  owned.push('ann/shop', 'bob/blog', 'bob/wiki')
  await bus.ask('profiles.set_collaborator', { repo: 'bob/blog', user: 'ann', role: 'read' })
  const rolesOf = async (user: string) =>
    (await bus.ask('profiles.collaborations', { user })).map(({ repo, role }) => `${repo} ${role}`)
  assert.deepEqual(await rolesOf('ann'), ['ann/shop owner', 'bob/blog read'])
  assert.deepEqual(await rolesOf('ghost'), [])
})

test('a repository that is deleted leaves no collaborators to a later one of its name', async () => {
  await using plane = await start()
  const { bus } = plane
  await people(plane, 'ann', 'bob')
  await bus.ask('profiles.set_collaborator', { repo: 'ann/shop', user: 'bob', role: 'write' })
  await bus.publish('repo.deleted', { subject: 'ann/shop', data: { repo: 'ann/shop', by: 'ann' } })
  await until(async () => (await bus.ask('profiles.list_collaborators', { repo: 'ann/shop' })).length === 0)
})

test('a user who owns repositories, or is the last administrator, stays', async () => {
  await using plane = await start()
  const { bus, owned } = plane
  await people(plane, 'ann')
  await bus.ask('profiles.create_user', { name: 'root', admin: true })
  owned.push('ann/shop')
  await assert.rejects(bus.ask('profiles.delete_user', { name: 'ann' }), /ann owns ann\/shop/)
  await assert.rejects(bus.ask('profiles.delete_user', { name: 'root' }), /the last administrator/)
  await assert.rejects(
    bus.ask('profiles.update_user', { name: 'root', admin: false }),
    /the last administrator/,
  )
})

test('a changed password is the one that counts', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  const { bus } = plane
  await bus.ask('profiles.update_user', { name: 'ann', email: 'ann@example.org' })
  await bus.ask('profiles.set_password', { user: 'ann', password: 'battery staple' })
  await assert.rejects(signIn(plane, 'ann', 'correct horse'))
  await signIn(plane, 'ann', 'battery staple')
  assert.equal((await plane.bus.ask('profiles.get_user', { name: 'ann' })).email, 'ann@example.org')
})

test('a sign-in that began with the old password ends with its change, wherever it was by then', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  const { bus, store } = plane
  // Signed in, and the token is not made yet.
  const { mark } = await signIn(plane, 'ann', 'correct horse')
  assert.ok(mark)
  const token = { user: 'ann', title: 'login', session: true, mark }
  await bus.ask('profiles.create_token', token)
  await bus.ask('profiles.set_password', { user: 'ann', password: 'battery staple' })
  await assert.rejects(bus.ask('profiles.create_token', token), /was changed meanwhile/)
  assert.deepEqual(await bus.ask('profiles.list_tokens', { user: 'ann' }), [])
  // The hash is being made: the attempt is charged, and the password that it is compared with is read.
  const db = store.as<Tables>().db
  const slow = signIn(plane, 'ann', 'battery staple').then(
    () => 'signed in',
    () => 'refused',
  )
  await until(async () => (await db.selectFrom('profiles_sign_ins').selectAll().execute()).length > 0)
  await db.selectFrom('profiles_users').selectAll().execute()
  await db.updateTable('profiles_users').set({ password: 'scrypt$other' }).where('name', '=', 'ann').execute()
  assert.equal(await slow, 'refused')
})

test('of two changes that were proved with the same password, one is made', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  const change = (password: string) =>
    plane.bus.ask('profiles.set_password', { user: 'ann', password, proof: { current: 'correct horse' } })
  const told = await Promise.allSettled([change('battery staple'), change('other staple')])
  assert.deepEqual(told.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('a problem keeps its code across the bus', async () => {
  await using plane = await start()
  await assert.rejects(plane.bus.ask('profiles.get_user', { name: 'ann' }), (error) =>
    isProblem(error, 'not_found'),
  )
})
