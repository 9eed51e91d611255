import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Infrastructure, Service } from '#contracts/descriptors.ts'
import { isProblem } from '#kit/problem.ts'
import { createSeal, type Seal } from '#kit/seal.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { resealRegistry } from './reseal.ts'
import { startRegistry, type TestRegistry } from './testing/registry.ts'

failOnLeaks()

const repo = 'ann/shop'
const commit = 'a'.repeat(40)

const postgresql: Service = {
  id: 'postgresql',
  title: 'PostgreSQL',
  tags: [],
  requires: [],
  options: {
    admin: { type: 'group', options: { password: { type: 'string', secret: true, generate: true } } },
    users: {
      type: 'array',
      options: {
        name: { type: 'string', required: true },
        password: { type: 'string', secret: true, generate: true },
      },
    },
  },
  commands: {},
  resources: [],
  handlers: {},
  templates: {},
  facts: {},
}

const infrastructure = (configuration: object, vars: object = {}): Infrastructure => ({
  repo,
  commit,
  nodes: [
    {
      id: 'db',
      type: 'server',
      provider: { name: 'ssh' },
      services: { postgresql: '*' },
      configuration: { postgresql: { ...configuration } },
      vars: { ...vars },
    },
  ],
  tasks: [],
  scripts: {},
  services: [],
})

const set = (name: string, value: string, rotate = false) => ({ repo, name, value, rotate, by: 'ann' })

type User = { name: string; password: string }

interface Filled {
  admin: { password: string }
  users: [User, User, User]
}

interface Tree {
  secrets: Record<string, string>
  passwords: Record<string, string>
  $secrets: string[]
  db: { configuration: { postgresql: Filled }; vars: Record<string, unknown> }
}

test('a secret is set, rotated and unset; who and when is told, its value only to who resolves or needs it', async () => {
  await using plane = await startRegistry()
  const { bus, clock } = plane
  plane.answer(infrastructure({}))
  const at = clock.now()
  const first = await bus.ask('registry.set_secret', set('token', 'hunter2hunter2'))
  assert.deepEqual(first, { name: 'token', version: 1, set_at: at, set_by: 'ann', used_by: [] })
  await bus.ask('registry.record_node', { repo, node: 'web', uses: ['secrets.token'] })
  await clock.advance(1000)
  const second = await bus.ask('registry.set_secret', { ...set('token', 'swordfish', true), by: 'bob' })
  assert.deepEqual(second, { name: 'token', version: 2, set_at: at + 1000, set_by: 'bob', used_by: ['web'] })
  const { used_by: _, ...info } = second
  assert.deepEqual(await bus.ask('registry.list_secrets', { repo }), [info])
  const reveal = (name: string) => bus.ask('registry.reveal_secret', { repo, name })
  assert.deepEqual(await reveal('token'), { value: 'swordfish' })
  assert.deepEqual(await reveal('other'), { value: null })
  const tree = (await bus.ask('registry.resolve', { repo })) as unknown as Tree
  assert.deepEqual(tree.secrets, { token: 'swordfish' })
  assert.deepEqual(tree.$secrets, ['hunter2hunter2', 'swordfish'])
  assert.deepEqual(await bus.ask('registry.unset_secret', { repo, name: 'token', by: 'ann' }), {
    used_by: ['web'],
  })
  assert.deepEqual(await reveal('token'), { value: null })
  const gone = (await bus.ask('registry.resolve', { repo })) as unknown as Tree
  assert.deepEqual([gone.secrets, gone.$secrets.length], [{}, 2])
  const history = await bus.ask('registry.secret_history', { repo, name: 'token' })
  assert.deepEqual(
    history.map(({ version, action, set_by }) => [version, action, set_by]),
    [
      [3, 'unset', 'ann'],
      [2, 'rotated', 'bob'],
      [1, 'set', 'ann'],
    ],
  )
})

for (const [what, value, message] of [
  ['too short to be hidden', 'abc', /shorter than 4 characters/],
  ['too long', 'x'.repeat(65_537), /longer than 65536 characters/],
  ['binary', 'abc\0def', /holds a NUL byte/],
] as const)
  test(`a secret that is ${what} is refused, and the refusal does not show it`, async () => {
    await using plane = await startRegistry()
    await assert.rejects(plane.bus.ask('registry.set_secret', set('token', value)), (error: unknown) => {
      assert.ok(isProblem(error, 'invalid'))
      assert.match(error.message, message)
      assert.ok(!error.message.includes(value))
      return true
    })
  })

test('a rotation needs a secret that is there and a value that is new; a wrong name is told the nearest', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  await bus.ask('registry.set_secret', set('token', 'hunter2hunter2'))
  await assert.rejects(
    bus.ask('registry.set_secret', set('tokne', 'x'.repeat(9), true)),
    /did you mean token\?/,
  )
  await assert.rejects(
    bus.ask('registry.set_secret', set('token', 'hunter2hunter2', true)),
    /this value already/,
  )
  await assert.rejects(
    bus.ask('registry.unset_secret', { repo, name: 'tokens', by: 'ann' }),
    /did you mean token\?/,
  )
  assert.equal((await bus.ask('registry.set_secret', set('token', 'hunter2hunter2'))).version, 1)
})

test('a change of a secret is announced to the nodes that use it, once, without its value', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  const events = collectEvents(bus, ['var.changed'])
  await bus.ask('registry.record_node', { repo, node: 'web', uses: ['secrets.token'] })
  await bus.ask('registry.record_node', {
    repo,
    node: 'lb',
    uses: ['web.configuration.nginx', 'secrets.other'],
  })
  for (const value of ['hunter2hunter2', 'hunter2hunter2', 'swordfish'])
    await bus.ask('registry.set_secret', set('token', value))
  await until(() => events.length === 2)
  assert.deepEqual(
    events.map(({ data }) => data),
    [0, 1].map(() => ({ repo, address: 'secrets.token', nodes: ['lb', 'web'], by: 'ann', work: null })),
  )
})

test('a variable cannot be set to what holds a secret, also a former one', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  for (const value of ['hunter2hunter2', 'swordfish'])
    await bus.ask('registry.set_secret', set('token', value))
  const put = (value: unknown) =>
    bus.ask('registry.set_variable', { repo, scope: 'repo', name: 'copy', value, by: 'ann' })
  for (const value of ['x hunter2hunter2', ['swordfish'], { a: Buffer.from('swordfish').toString('base64') }])
    await assert.rejects(put(value), /the value of copy holds a secret, and variables are shown/)
  await put('sword and fish')
})

test('names of secrets may be those of JavaScript', async () => {
  await using plane = await startRegistry()
  plane.answer(infrastructure({}, { a: '{{ secrets.__proto__ }}', b: '{{ secrets.constructor }}' }))
  for (const name of ['__proto__', 'constructor'])
    await plane.bus.ask('registry.set_secret', set(name, `v-${name}`))
  const tree = (await plane.bus.ask('registry.resolve', { repo })) as unknown as Tree
  assert.deepEqual(tree.db.vars, { a: 'v-__proto__', b: 'v-constructor' })
})

test('secrets of one repository are not those of another, and a row that is moved there does not open', async () => {
  await using plane = await startRegistry()
  const { bus, store } = plane
  plane.answer(infrastructure({}))
  await bus.ask('registry.set_secret', set('token', 'hunter2hunter2'))
  assert.deepEqual(await bus.ask('registry.list_secrets', { repo: 'bob/shop' }), [])
  assert.deepEqual((await bus.ask('registry.resolve', { repo: 'bob/shop' })).secrets, {})
  await store.db.updateTable('registry_secrets').set({ repo: 'bob/shop' }).execute()
  await assert.rejects(bus.ask('registry.resolve', { repo: 'bob/shop' }), /does not open/)
})

test('a password is made at the first use of its name, kept, and made anew when it is rotated', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  plane.answer(infrastructure({}, { url: 'postgres://shop:{{ passwords.shop }}@db' }))
  const read = async () => (await bus.ask('registry.resolve', { repo, commit })) as unknown as Tree
  const [one, two] = await Promise.all([read(), read()])
  assert.match(one.passwords.shop ?? '', /^[A-Za-z0-9]{32}$/)
  assert.equal(one.passwords.shop, two.passwords.shop)
  assert.equal(one.db.vars.url, `postgres://shop:${one.passwords.shop}@db`)
  assert.deepEqual(one.$secrets, [one.passwords.shop])
  await bus.ask('registry.record_node', { repo, node: 'web', uses: ['passwords.shop'] })
  const rotated = await bus.ask('registry.rotate_password', { repo, address: 'passwords.shop', by: 'ann' })
  assert.deepEqual([rotated.version, rotated.used_by], [2, ['web']])
  const three = await read()
  assert.notEqual(three.passwords.shop, one.passwords.shop)
  assert.deepEqual(new Set(three.$secrets), new Set([one.passwords.shop, three.passwords.shop]))
  assert.deepEqual(
    (await bus.ask('registry.list_passwords', { repo })).map(({ address, version, set_by }) => [
      address,
      version,
      set_by,
    ]),
    [['passwords.shop', 2, 'ann']],
  )
  await assert.rejects(
    bus.ask('registry.rotate_password', { repo, address: 'passwords.shpo', by: 'ann' }),
    /did you mean passwords\.shop\?/,
  )
})

test('an option marked generate gets a password where it is left out, by its address, and templates reach it', async () => {
  await using plane = await startRegistry({ catalog: [postgresql] })
  const { bus } = plane
  const users = [
    { name: 'shop' },
    { name: 'blog', password: 'written-down' },
    { name: 'mail', password: null },
  ]
  const template = '{{ db.configuration.postgresql.users.shop.password }}'
  plane.answer(
    infrastructure(
      { users },
      { first: template, second: '{{ db.configuration.postgresql.users[1].password }}' },
    ),
  )
  const read = async () => (await bus.ask('registry.resolve', { repo, commit })) as unknown as Tree
  const tree = await read()
  const made = tree.db.configuration.postgresql
  assert.match(made.admin.password, /^[A-Za-z0-9]{32}$/)
  assert.equal(new Set([made.admin.password, made.users[0].password, made.users[2].password]).size, 3)
  assert.deepEqual(tree.db.vars, { first: made.users[0].password, second: 'written-down' })
  assert.deepEqual((await read()).db, tree.db)
  const at = 'db.configuration.postgresql'
  assert.deepEqual(
    (await bus.ask('registry.list_passwords', { repo })).map(({ address }) => address),
    [`${at}.admin.password`, `${at}.users.mail.password`, `${at}.users.shop.password`],
  )
  // Another order, another item: the password stays with the name.
  plane.answer(infrastructure({ users: [{ name: 'new' }, { name: 'shop' }] }))
  assert.equal((await read()).db.configuration.postgresql.users[1].password, made.users[0].password)
  await bus.ask('registry.record_node', { repo, node: 'web', uses: [`${at}.users.shop.password`] })
  await bus.ask('registry.record_node', { repo, node: 'lb', uses: [`${at}.users.blog.password`] })
  const rotated = await bus.ask('registry.rotate_password', {
    repo,
    address: `${at}.users.shop.password`,
    by: 'ann',
  })
  assert.deepEqual(rotated.used_by, ['db', 'web'])
})

test('a push under judgement makes no password, and sees one all the same, hidden', async () => {
  await using plane = await startRegistry({ catalog: [postgresql] })
  const { bus } = plane
  const next = { ...infrastructure({}, { a: '{{ passwords.shop }}' }), commit: null }
  const tree = (await bus.ask('registry.resolve', { repo, next })) as unknown as Tree
  assert.equal(tree.db.vars.a, tree.passwords.shop)
  assert.ok(tree.$secrets.includes(tree.passwords.shop ?? '?'))
  assert.ok(tree.$secrets.includes(tree.db.configuration.postgresql.admin.password))
  assert.deepEqual(await bus.ask('registry.list_passwords', { repo }), [])
})

test('values open under the new master key after a change that was cut, and under the old one no more', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-reseal-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'store.sqlite')
  const [old, fresh] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const values = { one: 'v-one', two: 'v-two', three: 'v-three' }
  async function within<T>(seal: Seal, act: (plane: TestRegistry) => Promise<T>): Promise<T> {
    await using plane = await startRegistry({ seal, path })
    plane.answer(infrastructure({}))
    return await act(plane)
  }
  const read = (seal: Seal) =>
    within(seal, async ({ bus }) => {
      await bus.ask('registry.platform_key', { repo })
      return (await bus.ask('registry.resolve', { repo })).secrets
    })
  await within(createSeal([old]), async ({ bus }) => {
    for (const [name, value] of Object.entries(values)) await bus.ask('registry.set_secret', set(name, value))
    await bus.ask('registry.platform_key', { repo })
  })
  const both = createSeal([fresh, old])
  let left = 2
  const cut: Seal = {
    ...both,
    renew(sealed, context) {
      if (left-- === 0) throw new Error('cut')
      return both.renew(sealed, context)
    },
  }
  await within(both, ({ store }) => assert.rejects(resealRegistry(store, cut), /cut/))
  assert.deepEqual(await read(both), values)
  assert.deepEqual(await read(createSeal([old])), values)
  await within(both, async ({ store }) => {
    assert.equal(await resealRegistry(store, both), 4)
    assert.equal(await resealRegistry(store, both), 0)
  })
  assert.deepEqual(await read(createSeal([fresh])), values)
  await assert.rejects(read(createSeal([old])), /does not open/)
})
