import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import type { Tables } from './tables.ts'
import { people, startProfiles } from './testing/world.ts'
import { hashToken, markOf } from './tokens.ts'

async function start() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startProfiles())
  await people(plane, 'ann', 'bob')
  const undo = stack.move()
  const create = (user: string, rest = {}) =>
    plane.bus.ask('profiles.create_token', { user, title: 'ci', ...rest })
  const list = (user: string) => plane.bus.ask('profiles.list_tokens', { user })
  return { ...plane, create, list, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('a token is kept as its SHA-256, a password is named by half of one', () => {
  const sha = (text: string) => createHash('sha256').update(text).digest('hex')
  assert.equal(hashToken('devo_x'), sha('devo_x'))
  assert.equal(markOf('hash'), sha('hash').slice(0, 32))
  assert.equal(markOf(null), sha('').slice(0, 32))
})

test('a token says what it is for, when it ends, and nothing by which it could be used', async () => {
  await using plane = await start()
  const { token, record } = await plane.create('ann', { expires_in: 60, scope: 'read', repo: 'ann/shop' })
  assert.match(token, /^devo_[A-Za-z0-9_-]{43}$/)
  const { id, ...rest } = record
  const now = plane.clock.now()
  assert.match(id, /^[0-9a-z]{19}$/)
  assert.deepEqual(rest, {
    user: 'ann',
    title: 'ci',
    scope: 'read',
    repo: 'ann/shop',
    created_at: now,
    expires_at: now + 60_000,
    used_at: null,
  })
  const plain = (await plane.create('ann')).record
  assert.deepEqual([plain.scope, plain.repo, plain.expires_at], ['admin', null, null])
})

test('the token of a sign-in is marked as one, another is not', async () => {
  await using plane = await start()
  const made = [await plane.create('ann', { session: true }), await plane.create('ann')]
  const rows = await plane.store
    .as<Tables>()
    .db.selectFrom('profiles_tokens')
    .selectAll()
    .orderBy('id')
    .execute()
  const sessions = made.map(({ record }) => rows.find(({ id }) => id === record.id)?.session)
  assert.deepEqual(sessions, [1, 0])
})

test('tokens are listed by user, in the order in which they were made', async () => {
  await using plane = await start()
  const ids = []
  for (let n = 0; n < 4; n++) {
    ids.push((await plane.create('ann')).record.id)
    await plane.clock.advance(1)
  }
  const bobs = (await plane.create('bob')).record
  assert.deepEqual(
    (await plane.list('ann')).map(({ id }) => id),
    ids,
  )
  assert.deepEqual(await plane.list('bob'), [bobs])
  await assert.rejects(plane.list('nobody'), /no user nobody/)
  await assert.rejects(plane.create('nobody'), /no user nobody/)
})

test('a revoked token is one of one user: the others, and those of others, stay', async () => {
  await using plane = await start()
  const [one, two, bobs] = [await plane.create('ann'), await plane.create('ann'), await plane.create('bob')]
  await assert.rejects(
    plane.bus.ask('profiles.revoke_token', { user: 'ann', id: bobs.record.id }),
    /There is no token .* of ann/,
  )
  assert.deepEqual(await plane.bus.ask('profiles.revoke_token', { user: 'ann', id: one.record.id }), {})
  assert.deepEqual(await plane.list('ann'), [two.record])
  assert.deepEqual(await plane.list('bob'), [bobs.record])
})

test('a token that follows a proof is made only while the password is the one that was proved', async () => {
  await using plane = await start()
  const users = plane.store.as<Tables>().db.selectFrom('profiles_users')
  const row = await users.selectAll().where('name', '=', 'ann').executeTakeFirstOrThrow()
  await plane.create('ann', { mark: markOf(row.password) })
  await assert.rejects(plane.create('ann', { mark: markOf('another') }), { code: 'unauthenticated' })
  assert.equal((await plane.list('ann')).length, 1)
})

test('each change of tokens is announced for its user, a refused one is not', async () => {
  await using plane = await start()
  const events = collectEvents(plane.bus, ['profile.changed'])
  const { id } = (await plane.create('ann')).record
  await plane.bus.ask('profiles.revoke_token', { user: 'ann', id })
  await plane.bus.ask('profiles.revoke_token', { user: 'ann', id }).catch(() => {})
  await plane.create('bob')
  await until(() => events.some(({ subject }) => subject === 'bob'))
  assert.deepEqual(
    events.map(({ subject, data }) => [subject, data]),
    ['ann', 'ann', 'bob'].map((user) => [user, { user, what: 'tokens' }]),
  )
})

test('tokens are listed by id, in whatever order the rows are on the disk', async () => {
  await using plane = await start()
  for (let n = 0; n < 3; n++) {
    await plane.create('ann')
    await plane.clock.advance(1)
  }
  const { db } = plane.store.as<Tables>()
  const rows = await db.selectFrom('profiles_tokens').selectAll().where('user', '=', 'ann').execute()
  rows.sort((a, b) => (a.id < b.id ? 1 : -1))
  await db.deleteFrom('profiles_tokens').where('user', '=', 'ann').execute()
  for (const row of rows) await db.insertInto('profiles_tokens').values(row).execute()
  assert.deepEqual(
    (await plane.list('ann')).map(({ id }) => id),
    rows.map(({ id }) => id).sort(),
  )
})
