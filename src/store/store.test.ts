import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { failOnLeaks } from '#testing/leaks.ts'
import { failingDisk, smallDisk } from '#testing/small-disk.ts'
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
        const deferred: Migration['up'] = (db) =>
          db.schema
            .createTable('other_parts')
            .addColumn('thing', 'text', (column) =>
              column.references('test_things.id').modifyFront(sql`not null`),
            )
            .execute()
        await store.migrate([step('other/0001-parts', deferred)])
        const commits = store.transaction(async (tx) => {
          tx.onceSeen(() => ran.push('not committed'))
          tx.afterCommit(() => ran.push('not committed'))
          await sql`pragma defer_foreign_keys = on`.execute(tx.db)
          await sql`insert into other_parts (thing) values ('nowhere')`.execute(tx.db)
        })
        await assert.rejects(commits, /FOREIGN KEY constraint failed/)
        // What was kept of a transaction that was undone would run with the next that is not.
        await store.transaction(async (tx) => {
          tx.onceSeen(() => ran.push('next'))
          await tx.db.insertInto('test_things').values({ id: 'next', size: 1 }).execute()
        })
        await new Promise((resolve) => setImmediate(resolve))
        assert.deepEqual(ran, ['seen', 'committed', 'next'])
        assert.deepEqual(await sizes(store.db), [{ id: 'next', size: 1 }])
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
    assert.deepEqual((await sql`pragma journal_mode`.execute(store.db)).rows, [{ journal_mode: 'wal' }])
    // Less than normal, and the database is not synced before the log is begun anew.
    assert.deepEqual((await sql`pragma synchronous`.execute(store.db)).rows, [{ synchronous: 1 }])
    // The store makes the checkpoints, since SQLite tells nobody of one that failed.
    assert.deepEqual((await sql`pragma wal_autocheckpoint`.execute(store.db)).rows, [
      { wal_autocheckpoint: 0 },
    ])
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
    // Whoever waits for the disk is let go at the end, also when the test fails.
    await using _ = {
      async [Symbol.asyncDispose]() {
        slow = false
        for (const done of syncs) done()
      },
    }
    await until(() => syncs.length === 1, 5_000)
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
    await until(() => syncs.length === 1, 5_000)
    assert.deepEqual(told, [...seen, 'after a', 'a'])
    syncs.shift()?.()
    await Promise.all(all)
    assert.deepEqual(told.slice(5).toSorted(), ['after b', 'after c', 'b', 'c', 'd'])
    assert.equal(syncs.length, 0)
  }
  rmSync(folder, { recursive: true })
})

test('sqlite: after a sync that failed nothing is written or told as durable any more, and the process hears of it once', async (t) => {
  const broken = new Error('EIO')
  const heard: Error[] = []
  let fail = false
  const sync = async () => {
    if (fail) throw broken
  }
  await using opened = openSqlite(join(folder(t), 'store.db'), sync, (error) => heard.push(error))
  const store = opened.as<Tables>()
  await store.migrate([things])
  await add(store, 'a')
  assert.equal(store.trouble(), undefined)
  fail = true
  let after = false
  await assert.rejects(
    store.transaction(async (tx) => {
      tx.afterCommit(() => {
        after = true
      })
      await tx.db.insertInto('test_things').values({ id: 'b', size: 1 }).execute()
    }),
    broken,
  )
  fail = false
  await assert.rejects(add(store, 'c'), broken)
  await assert.rejects(
    store.transaction(async () => {}),
    broken,
  )
  assert.ok((await sizes(store.db)).every(({ id }) => id !== 'c'))
  assert.equal(after, false)
  assert.deepEqual(heard, [broken])
  assert.match(store.trouble() ?? '', /did not keep what was written: EIO/)
})

test('sqlite: on a full disk writes are refused, reads work, nothing acknowledged is lost, and all is well when there is room', async (t) => {
  const disk = smallDisk(t, '2m')
  if (!disk) return
  const file = join(disk.folder, 'store.db')
  const acknowledged: string[] = []
  const heard: Error[] = []
  {
    await using opened = openSqlite(file, undefined, (error) => heard.push(error))
    const store = opened.as<Tables>()
    await store.migrate([things])
    for (let round = 0; round < 3; round++) {
      disk.fill(200_000)
      let full: { errcode?: number } | undefined
      for (let n = 0; !full && n < 10_000; n++) {
        const id = `${round}-${n}-${'x'.repeat(2_000)}`
        await add(store, id).then(
          () => acknowledged.push(id),
          (error) => {
            full = error
          },
        )
      }
      assert.equal(full?.errcode, 13)
      assert.equal(store.trouble(), 'the disk is full')
      assert.equal((await sizes(store.db)).length, acknowledged.length)
      disk.free()
      await add(store, `${round}`)
      acknowledged.push(`${round}`)
      assert.equal(store.trouble(), undefined)
      await store.db.deleteFrom('test_things').where('id', 'like', '%x').execute()
      acknowledged.splice(0, acknowledged.length, ...acknowledged.filter((id) => !id.endsWith('x')))
    }
    disk.fill()
  }
  // A start on a disk that is full.
  await using again = openSqlite(file, undefined, (error) => heard.push(error))
  const rows = await sizes(again.as<Tables>().db)
  assert.deepEqual(rows.map(({ id }) => id).toSorted(), acknowledged.toSorted())
  assert.deepEqual(heard, [])
})

for (const [what, sync] of [
  ['a commit', undefined],
  // The log is told as synced: the first to ask the disk is the checkpoint.
  ['a checkpoint', async () => {}],
] as const)
  test(`sqlite: a disk that fails to keep ${what} is noticed, and the next start has what was acknowledged before`, async (t) => {
    const disk = failingDisk(t)
    if (!disk) return
    const file = join(disk.folder, 'store.db')
    const acknowledged: string[] = []
    const heard: Error[] = []
    {
      await using opened = openSqlite(file, sync, (error) => heard.push(error))
      const store = opened.as<Tables>()
      await store.migrate([things])
      for (let n = 0; n < 20; n++) {
        await add(store, `before ${n}`)
        acknowledged.push(`before ${n}`)
      }
      await sql`pragma wal_checkpoint(truncate)`.execute(store.db)
      disk.fill()
      for (let n = 0; heard.length === 0 && n < 5_000; n++)
        await add(store, `${n} ${'x'.repeat(20_000)}`).catch(() => {})
      assert.equal(heard.length, 1)
      await assert.rejects(add(store, 'after'))
      disk.free()
    }
    await using again = openSqlite(file)
    const rows = (await sizes(again.as<Tables>().db)).map(({ id }) => id)
    assert.deepEqual(
      acknowledged.filter((id) => !rows.includes(id)),
      [],
    )
    assert.ok(!rows.includes('after'))
  })

const add = (store: Store<Tables>, id: string) =>
  store.db.insertInto('test_things').values({ id, size: 1 }).execute()

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'store-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  return {
    open: async () => openSqlite(join(folder, 'store.db')),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true })
    },
  }
}
