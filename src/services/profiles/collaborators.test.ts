import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newKeyPair } from '#kit/ssh-key.ts'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { dropCollaborationsOf, findForgotten, forgetRepository, roleOf } from './collaborators.ts'
import type { Tables } from './tables.ts'
import { people, startProfiles } from './testing/world.ts'

const shop = 'ann/shop'
const blog = 'ann/blog'

/** Two repositories of ann: bob writes in one and reads the other, cleo the other way round. */
async function start() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startProfiles())
  await people(plane, 'ann', 'bob', 'cleo', 'dora')
  const rows = [
    { repo: shop, user: 'bob', role: 'write' },
    { repo: shop, user: 'cleo', role: 'read' },
    { repo: blog, user: 'bob', role: 'read' },
    { repo: blog, user: 'cleo', role: 'admin' },
  ] as const
  for (const row of rows) await plane.bus.ask('profiles.set_collaborator', row)
  const tables = plane.store.as<Tables>()
  const undo = stack.move()
  const roles = async () =>
    Object.fromEntries(
      await Promise.all(
        [shop, blog].flatMap((repo) =>
          ['ann', 'bob', 'cleo', 'dora'].map(async (user) => [
            `${user} ${repo}`,
            await roleOf(tables.db, repo, user),
          ]),
        ),
      ),
    )
  return { ...plane, tables, roles, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const all = {
  'ann ann/shop': 'owner',
  'bob ann/shop': 'write',
  'cleo ann/shop': 'read',
  'dora ann/shop': null,
  'ann ann/blog': 'owner',
  'bob ann/blog': 'read',
  'cleo ann/blog': 'admin',
  'dora ann/blog': null,
}

test('a role is that of one user in one repository, and nobody else has one', async () => {
  await using plane = await start()
  assert.deepEqual(await plane.roles(), all)
})

test('a changed role is that of the one user in the one repository, and is announced once', async () => {
  await using plane = await start()
  const events = collectEvents(plane.bus, ['collaborator.changed'])
  const change = { repo: shop, user: 'cleo', role: 'admin' } as const
  assert.deepEqual(await plane.bus.ask('profiles.set_collaborator', change), change)
  await plane.bus.ask('profiles.set_collaborator', change)
  await plane.bus.ask('profiles.set_collaborator', { ...change, role: 'write' })
  await until(() => events.length >= 2)
  assert.deepEqual(
    events.map(({ subject, data }) => [subject, data]),
    [
      [shop, change],
      [shop, { ...change, role: 'write' }],
    ],
  )
  assert.deepEqual(await plane.roles(), { ...all, 'cleo ann/shop': 'write' })
})

test('a removed collaborator leaves the others of the repository and the other repositories', async () => {
  await using plane = await start()
  const events = collectEvents(plane.bus, ['collaborator.changed'])
  assert.deepEqual(await plane.bus.ask('profiles.remove_collaborator', { repo: shop, user: 'bob' }), {})
  assert.deepEqual(await plane.roles(), { ...all, 'bob ann/shop': null })
  await until(() => events.length > 0)
  assert.deepEqual(events[0]?.data, { repo: shop, user: 'bob', role: null })
  await assert.rejects(
    plane.bus.ask('profiles.remove_collaborator', { repo: shop, user: 'dora' }),
    /no collaborator dora on ann\/shop/,
  )
})

test('lists name the collaborators of one repository, sorted, and the repositories of one user, sorted', async () => {
  await using plane = await start()
  plane.owned.push(shop, blog, 'bob/zoo')
  assert.deepEqual(await plane.bus.ask('profiles.list_collaborators', { repo: shop }), [
    { repo: shop, user: 'bob', role: 'write' },
    { repo: shop, user: 'cleo', role: 'read' },
  ])
  assert.deepEqual(await plane.bus.ask('profiles.collaborations', { user: 'bob' }), [
    { repo: blog, user: 'bob', role: 'read' },
    { repo: shop, user: 'bob', role: 'write' },
    { repo: 'bob/zoo', user: 'bob', role: 'owner' },
  ])
  assert.deepEqual(await plane.bus.ask('profiles.collaborations', { user: 'nobody' }), [])
})

test('collaborators are listed by name, whoever came first', async () => {
  await using plane = await start()
  await people(plane, 'adam')
  await plane.bus.ask('profiles.set_collaborator', { repo: shop, user: 'adam', role: 'read' })
  const list = await plane.bus.ask('profiles.list_collaborators', { repo: shop })
  assert.deepEqual(
    list.map(({ user }) => user),
    ['adam', 'bob', 'cleo'],
  )
})

test('a user who goes leaves every repository, each is announced, and nobody else goes', async () => {
  await using plane = await start()
  const events = collectEvents(plane.bus, ['collaborator.changed'])
  await plane.tables.transaction((tx) => dropCollaborationsOf(plane.bus, tx, 'bob'))
  assert.deepEqual(await plane.roles(), { ...all, 'bob ann/shop': null, 'bob ann/blog': null })
  await until(() => events.length === 2)
  assert.deepEqual(events.map(({ data }) => data.repo).sort(), [blog, shop])
})

test('a deleted repository loses its own people and tokens, once, and its neighbour none', async () => {
  await using plane = await start()
  const { bus, tables } = plane
  for (const repo of [shop, blog, undefined])
    await bus.ask('profiles.create_token', { user: 'ann', title: `of ${repo}`, ...(repo && { repo }) })
  const titles = async () =>
    (await bus.ask('profiles.list_tokens', { user: 'ann' })).map(({ title }) => title).sort()
  const forget = (at: number) => tables.transaction((tx) => forgetRepository(tx, shop, at))
  await forget(100)
  const without = { ...all, 'bob ann/shop': null, 'cleo ann/shop': null }
  assert.deepEqual(await plane.roles(), without)
  assert.deepEqual(await titles(), ['of ann/blog', 'of undefined'])

  const again = { repo: shop, user: 'bob', role: 'read' } as const
  await bus.ask('profiles.set_collaborator', again)
  for (const at of [99, 100]) await forget(at)
  assert.deepEqual(await plane.roles(), { ...without, 'bob ann/shop': 'read' })
  assert.equal(Number((await findForgotten(tables.db, shop))?.at), 100)
  await forget(101)
  assert.deepEqual(await plane.roles(), without)
  assert.equal(Number((await findForgotten(tables.db, shop))?.at), 101)
  assert.equal(await findForgotten(tables.db, blog), undefined)
})

test('what is forgotten of two repositories is told apart, with the newest entry of the audit', async () => {
  await using plane = await start()
  const { tables } = plane
  const newest = async () => {
    const { seq } = await tables.db
      .selectFrom('profiles_audit')
      .select(({ fn }) => fn.max('seq').as('seq'))
      .executeTakeFirstOrThrow()
    return Number(seq ?? 0)
  }
  await tables.transaction((tx) => forgetRepository(tx, shop, 1))
  assert.equal(Number((await findForgotten(tables.db, shop))?.audited), await newest())
  await plane.bus
    .ask('profiles.authenticate', { kind: 'password', user: 'ann', password: 'wrong' })
    .catch(() => {})
  assert.ok((await newest()) > 0)
  await tables.transaction((tx) => forgetRepository(tx, blog, 2))
  assert.deepEqual(await findForgotten(tables.db, blog), { repo: blog, at: 2, audited: await newest() })
  assert.equal(Number((await findForgotten(tables.db, shop))?.at), 1)
})

test('nodes of a repository take the keys of its owner and of who may log in there, none of the disabled', async () => {
  await using plane = await start()
  const { bus } = plane
  for (const user of ['ann', 'bob', 'cleo', 'dora'])
    for (let i = 0; i < 2; i++) await bus.ask('profiles.add_key', { user, key: newKeyPair().public.trim() })
  const users = async (repo: string) => {
    const keys = await bus.ask('profiles.node_keys', { repo })
    assert.deepEqual(
      keys,
      keys.toSorted((a, b) => (`${a.user} ${a.key}` < `${b.user} ${b.key}` ? -1 : 1)),
    )
    return keys.map(({ user }) => user)
  }
  assert.deepEqual(await users(shop), ['ann', 'ann', 'bob', 'bob'])
  assert.deepEqual(await users(blog), ['ann', 'ann', 'cleo', 'cleo'])
  await bus.ask('profiles.update_user', { name: 'bob', disabled: true })
  assert.deepEqual(await users(shop), ['ann', 'ann'])
})

test('the owner is no collaborator, and nobody is made one', async () => {
  await using plane = await start()
  await assert.rejects(
    plane.bus.ask('profiles.set_collaborator', { repo: shop, user: 'ann', role: 'read' }),
    /ann owns ann\/shop already/,
  )
  await assert.rejects(
    plane.bus.ask('profiles.set_collaborator', { repo: shop, user: 'bob', role: 'owner' }),
    /role owner belongs to ann/,
  )
  await assert.rejects(
    plane.bus.ask('profiles.set_collaborator', { repo: shop, user: 'nobody', role: 'read' }),
    /no user nobody/,
  )
})
