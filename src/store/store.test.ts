import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import type { Migration, Store } from './index.ts'
import { openSqlite } from './sqlite.ts'

/** One durable place that stores can be opened on, again and again. */
interface Place extends AsyncDisposable {
  open(): Promise<Store>
}

const implementations: [name: string, place: () => Promise<Place>][] = [['sqlite', sqlitePlace]]

interface Tables {
  test_things: { id: string; size: number }
}

const things: Migration = {
  id: 'test/0001-things',
  async up(db) {
    await db.schema
      .createTable('test_things')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('size', 'integer', (column) => column.notNull())
      .execute()
  },
}

const step = (id: string, up: Migration['up'] = async () => {}): Migration => ({ id, up })
const sizes = (db: Store<Tables>['db']) => db.selectFrom('test_things').selectAll().orderBy('id').execute()

failOnLeaks()

for (const [name, place] of implementations) {
  describe(name, () => {
    async function withThings(act: (store: Store<Tables>, open: () => Promise<Store>) => Promise<void>) {
      await using spot = await place()
      await using store = await spot.open()
      await store.migrate([things])
      await act(store.as<Tables>(), spot.open)
    }

    test('a transaction that resolved is there when the store is opened again', () =>
      withThings(async (store, open) => {
        await store.transaction((tx) =>
          tx.db.insertInto('test_things').values({ id: 'a', size: 1 }).execute(),
        )
        await store[Symbol.asyncDispose]()
        await using again = await open()
        assert.deepEqual(await sizes(again.as<Tables>().db), [{ id: 'a', size: 1 }])
      }))

    test('a transaction that throws leaves nothing and its error comes out as it is', () =>
      withThings(async (store) => {
        const broken = new Error('no')
        await assert.rejects(
          store.transaction(async (tx) => {
            await tx.db.insertInto('test_things').values({ id: 'a', size: 1 }).execute()
            throw broken
          }),
          broken,
        )
        assert.deepEqual(await sizes(store.db), [])
      }))

    test('transactions at the same time do not mix', () =>
      withThings(async (store) => {
        await store.db.insertInto('test_things').values({ id: 'a', size: 0 }).execute()
        const grow = () =>
          store.transaction(async ({ db }) => {
            const row = await db.selectFrom('test_things').select('size').executeTakeFirstOrThrow()
            await new Promise((resolve) => setImmediate(resolve))
            await db
              .updateTable('test_things')
              .set({ size: row.size + 1 })
              .execute()
          })
        await Promise.all(Array.from({ length: 20 }, grow))
        assert.deepEqual(await sizes(store.db), [{ id: 'a', size: 20 }])
      }))

    test('a query outside sees nothing of a transaction that is not committed', () =>
      withThings(async (store) => {
        const written = Promise.withResolvers<void>()
        const act = store
          .transaction(async ({ db }) => {
            await db.insertInto('test_things').values({ id: 'a', size: 1 }).execute()
            written.resolve()
            await new Promise((resolve) => setImmediate(resolve))
            throw new Error('no')
          })
          .catch(() => {})
        await written.promise
        assert.deepEqual(await sizes(store.db), [])
        await act
      }))

    test('what would wait for its own transaction is refused with a sentence', () =>
      withThings(async (store) => {
        const { db } = store
        await store.transaction(async () => {
          assert.equal(store.insideTransaction(), true)
          await assert.rejects(sizes(db), /inside a transaction would wait for itself/)
          await assert.rejects(
            store.transaction(async () => {}),
            /second transaction inside a transaction would wait for itself/,
          )
        })
        assert.equal(store.insideTransaction(), false)
      }))

    test('work that a transaction leaves running is free when it has ended', () =>
      withThings(async (store) => {
        const gate = Promise.withResolvers<void>()
        const later = await store.transaction(async () => ({
          rows: gate.promise.then(() => sizes(store.db)),
        }))
        gate.resolve()
        assert.deepEqual(await later.rows, [])
      }))

    test('afterCommit and onceSeen run after a commit and never after a rollback', () =>
      withThings(async (store) => {
        const ran: string[] = []
        await store.transaction(async (tx) => {
          tx.onceSeen(() => ran.push('seen'))
          tx.afterCommit(() => ran.push('committed'))
          assert.deepEqual(ran, [])
        })
        await store
          .transaction(async (tx) => {
            tx.onceSeen(() => ran.push('rolled back'))
            tx.afterCommit(() => ran.push('rolled back'))
            throw new Error('no')
          })
          .catch(() => {})
        await new Promise((resolve) => setImmediate(resolve))
        assert.deepEqual(ran, ['seen', 'committed'])
      }))

    test('services that migrate at the same time each get their tables, once', () =>
      withThings(async (store) => {
        let ran = 0
        const other = step('other/0001-x', async () => void ran++)
        await Promise.all([store.migrate([things]), store.migrate([other]), store.migrate([other])])
        assert.equal(ran, 1)
      }))

    test('a migration that fails leaves nothing of its steps', () =>
      withThings(async (store) => {
        const steps = [
          step(
            'other/0001-x',
            async (db) => void (await db.insertInto('test_things').values({ id: 'a', size: 1 }).execute()),
          ),
          step('other/0002-y', () => Promise.reject(new Error('broken step'))),
        ]
        await assert.rejects(store.migrate(steps), /broken step/)
        assert.deepEqual(await sizes(store.db), [])
      }))

    test('a released step that was changed, a database that is newer and a bad name are refused', () =>
      withThings(async (store) => {
        await store.migrate([step('other/0001-x'), step('other/0002-y')])
        await assert.rejects(
          store.migrate([step('other/0001-x'), step('other/0003-z')]),
          /other: the database has other\/0002-y where this program has other\/0003-z: migrations are append-only/,
        )
        await assert.rejects(store.migrate([step('other/0001-x')]), /the database is newer than this program/)
        await assert.rejects(store.migrate([step('other/2-y')]), /must be named service\/0001-what/)
        await assert.rejects(
          store.migrate([step('third/0002-y'), step('third/0001-x')]),
          /third\/0001-x: must come before third\/0002-y/,
        )
      }))

    test('a busy store leaves timers their turn', () =>
      withThings(async (store) => {
        let fired = false
        setTimeout(() => {
          fired = true
        }, 1)
        const end = performance.now() + 5_000
        while (!fired && performance.now() < end) await sizes(store.db)
        assert.ok(fired)
      }))
  })
}

test('sqlite: only the owner reads the files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const file = join(folder, 'store.db')
  {
    await using store = openSqlite(file)
    await store.migrate([things])
    for (const end of ['', '-wal', '-shm']) assert.equal(statSync(file + end).mode & 0o777, 0o600, end)
    const { sql } = await import('kysely')
    assert.deepEqual((await sql`pragma journal_mode`.execute(store.db)).rows, [{ journal_mode: 'wal' }])
    assert.deepEqual((await sql`pragma foreign_keys`.execute(store.db)).rows, [{ foreign_keys: 1 }])
  }
  rmSync(folder, { recursive: true })
})

test('sqlite: whoever has written is told when the log is on the disk; who only read is not held up; many share one sync', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const syncs: (() => void)[] = []
  let slow = false
  const sync = () => (slow ? new Promise<void>((resolve) => syncs.push(resolve)) : Promise.resolve())
  {
    await using opened = openSqlite(join(folder, 'store.db'), sync)
    const store = opened.as<Tables>()
    await store.migrate([things])
    slow = true
    const told: string[] = []
    const add = (id: string) =>
      store
        .transaction(async (tx) => {
          tx.onceSeen(() => told.push(`seen ${id}`))
          tx.afterCommit(() => told.push(`after ${id}`))
          await tx.db.insertInto('test_things').values({ id, size: 1 }).execute()
        })
        .then(() => told.push(id))
    const all = [add('a')]
    await until(() => syncs.length === 1)
    all.push(add('b'), add('c'))
    all.push(
      store.db
        .insertInto('test_things')
        .values({ id: 'd', size: 1 })
        .execute()
        .then(() => told.push('d')),
    )
    await until(async () => (await sizes(store.db)).length === 4)
    const seen = ['seen a', 'seen b', 'seen c']
    assert.deepEqual(told, seen)
    syncs.shift()?.()
    await until(() => syncs.length === 1)
    assert.deepEqual(told, [...seen, 'after a', 'a'])
    syncs.shift()?.()
    await Promise.all(all)
    assert.deepEqual(told.slice(5).toSorted(), ['after b', 'after c', 'b', 'c', 'd'])
    assert.equal(syncs.length, 0)
  }
  rmSync(folder, { recursive: true })
})

test('sqlite: after a sync that failed nothing is told as durable any more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const broken = new Error('EIO')
  let fail = false
  const sync = async () => {
    if (fail) throw broken
  }
  {
    await using opened = openSqlite(join(folder, 'store.db'), sync)
    const store = opened.as<Tables>()
    await store.migrate([things])
    const add = (id: string) => store.db.insertInto('test_things').values({ id, size: 1 }).execute()
    await add('a')
    fail = true
    await assert.rejects(add('b'), broken)
    fail = false
    await assert.rejects(add('c'), broken)
    assert.ok((await sizes(store.db)).length >= 1)
  }
  rmSync(folder, { recursive: true })
})

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  return {
    open: async () => openSqlite(join(folder, 'store.db')),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true })
    },
  }
}
