import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createSeal } from '#kit/seal.ts'
import { openSqlite } from '#store/sqlite.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'
import { createVault, findCurrent, findVersions, type Key } from './vault.ts'

const key: Key = { repo: 'ann/shop', kind: 'secret', name: 'token' }
const neighbours: [what: string, key: Key][] = [
  ['another name', { ...key, name: 'other' }],
  ['another kind', { ...key, kind: 'password' }],
  ['another repository', { ...key, repo: 'bob/shop' }],
]

for (const [what, neighbour] of neighbours)
  test(`a value that is set again and again leaves the first version of a neighbour: ${what}`, async () => {
    await using store = openSqlite(':memory:').as<Tables>()
    await store.migrate(migrations)
    const vault = createVault(createSeal([randomBytes(32)]))
    const put = (key: Key, value: string) =>
      store.transaction(({ db }) => vault.put(db, key, value, { action: 'set', set_at: 1, set_by: 'ann' }))
    await put(neighbour, 'kept')
    for (let n = 1; n <= 8; n++) await put(key, `value ${n}`)

    const open = (rows: Awaited<ReturnType<typeof findVersions>>) =>
      rows.map((row) => (row.sealed === null ? null : vault.open(row)))
    assert.deepEqual(open(await findVersions(store.db, neighbour)), ['kept'])
    assert.deepEqual(open(await findVersions(store.db, key)).slice(0, 3), ['value 8', 'value 7', 'value 6'])
    assert.deepEqual(open(await findVersions(store.db, key)).slice(3), [null, null, null, null, null])
    const current = await findCurrent(store.db, neighbour.repo, neighbour.kind)
    assert.ok(open(current.filter(({ name }) => name === neighbour.name)).includes('kept'))
  })

async function startVault(masterKey: Buffer) {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(openSqlite(':memory:')).as<Tables>()
  await store.migrate(migrations)
  const vault = createVault(createSeal([masterKey]))
  const undo = stack.move()
  const put = (key: Key, value: string | null, set_at = 1) =>
    store.transaction(({ db }) =>
      vault.put(db, key, value, { action: value === null ? 'unset' : 'set', set_at, set_by: 'ann' }),
    )
  return { store, vault, put, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('every version of every name comes under the newest master key, and each opens to its own text', async () => {
  const [old, young] = [randomBytes(32), randomBytes(32)]
  await using place = await startVault(old)
  const all = [key, ...neighbours.map(([, neighbour]) => neighbour)]
  for (const each of all)
    for (const n of [1, 2]) await place.put(each, `${each.repo} ${each.kind} ${each.name} ${n}`)
  await place.put(key, null)
  const both = createVault(createSeal([young, old]))
  assert.equal(await both.renew(place.store.db), 8)
  assert.equal(await both.renew(place.store.db), 0)
  const reading = createVault(createSeal([young]))
  for (const each of all) {
    const rows = (await findVersions(place.store.db, each)).filter(({ sealed }) => sealed !== null)
    assert.deepEqual(
      rows.map((row) => reading.open(row)),
      [2, 1].map((n) => `${each.repo} ${each.kind} ${each.name} ${n}`),
    )
  }
})

test('the names that are listed are those of one repository and kind, sorted, with their latest value, none that is gone', async () => {
  await using place = await startVault(randomBytes(32))
  for (const name of ['nut', 'gone', 'apple', 'melon']) await place.put({ ...key, name }, `${name} 1`)
  await place.put({ ...key, name: 'nut' }, 'nut 2', 2)
  await place.put({ ...key, name: 'gone' }, null)
  for (const [, neighbour] of neighbours.slice(1)) await place.put({ ...neighbour, name: 'far' }, 'far')
  const rows = await findCurrent(place.store.db, key.repo, 'secret')
  assert.deepEqual(
    rows.map((row) => [row.name, row.version, place.vault.open(row)]),
    [
      ['apple', 1, 'apple 1'],
      ['melon', 1, 'melon 1'],
      ['nut', 2, 'nut 2'],
    ],
  )
})

test('all values of a repository open at once: the latest by kind and name, the former to be hidden', async () => {
  await using place = await startVault(randomBytes(32))
  await place.put(key, 'first')
  await place.put(key, 'second')
  await place.put({ ...key, kind: 'password' }, 'of the database')
  await place.put({ ...key, name: 'gone' }, 'was there')
  await place.put({ ...key, name: 'gone' }, null)
  await place.put({ ...key, repo: 'bob/shop' }, 'of bob')
  const { values, texts } = await place.vault.openAll(place.store.db, key.repo)
  assert.deepEqual([...values.secret], [['token', 'second']])
  assert.deepEqual([...values.password], [['token', 'of the database']])
  assert.deepEqual(texts.sort(), ['first', 'of the database', 'second', 'was there'])
})

test('the latest value is that of the highest version, in whatever order the rows are on the disk', async () => {
  await using place = await startVault(randomBytes(32))
  for (let n = 1; n <= 3; n++) await place.put(key, `value ${n}`)
  const rows = await findVersions(place.store.db, key)
  await place.store.transaction(async ({ db }) => {
    await db.deleteFrom('registry_secrets').execute()
    for (const row of rows) await db.insertInto('registry_secrets').values(row).execute()
  })
  const { values } = await place.vault.openAll(place.store.db, key.repo)
  assert.equal(values.secret.get('token'), 'value 3')
  assert.equal((await findCurrent(place.store.db, key.repo, 'secret'))[0]?.version, 3)
})

test('what a version says of itself is kept when its value is not, and two values of a name are sealed apart', async () => {
  await using place = await startVault(randomBytes(32))
  const first = await place.put(key, 'same', 5)
  const second = await place.put(key, 'same', 6)
  assert.deepEqual([first.version, second.version], [1, 2])
  assert.deepEqual([first.action, first.set_at, first.set_by], ['set', 5, 'ann'])
  assert.throws(() => place.vault.open({ ...second, version: 1 }))
  assert.throws(() => place.vault.open({ ...second, name: 'other' }))
  assert.equal((await place.put(key, null)).sealed, null)
})
