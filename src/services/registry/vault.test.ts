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
