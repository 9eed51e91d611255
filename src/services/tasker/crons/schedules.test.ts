import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cron } from '#contracts/descriptors.ts'
import { openSqlite } from '#store/sqlite.ts'
import { migrations } from '../migrations.ts'
import type { Tables } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { aTask, tip } from '../testing/descriptors.ts'
import type { Turn } from '../turn.ts'
import { armSchedules, keyOf, listSchedules } from './schedules.ts'

const HOUR = 3_600_000
const [shop, blog] = ['ann/shop', 'ann/blog']

async function open() {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(openSqlite(':memory:')).as<Tables>()
  await store.migrate(migrations)
  const undo = stack.move()
  const arm = (repo: string, now: number, tasks: Record<string, Cron[]>) =>
    store.transaction(({ db }) =>
      armSchedules({ db, now } as unknown as Turn, {
        ...tip(
          1,
          ['web'],
          Object.entries(tasks).map(([id, crons]) => aTask(id, ['true'], { crons })),
        ),
        repo,
      }),
    )
  const list = async (repo: string) =>
    (await listSchedules({ db: store.db } as Tasker, { repo })).map(
      ({ repo, task, cron, next_at }) => `${repo} ${task} ${cron} ${next_at / HOUR}`,
    )
  return { store, arm, list, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('each repository has the lines of its own tip, the next one first, and of one moment by name', async () => {
  await using place = await open()
  await place.arm(shop, 0, { late: ['0 5 * * *'], b: ['0 1 * * *'], a: ['0 1 * * *'] })
  await place.arm(blog, 0, { far: ['0 3 * * *'] })
  assert.deepEqual(await place.list(shop), [
    `${shop} a 0 1 * * * 1`,
    `${shop} b 0 1 * * * 1`,
    `${shop} late 0 5 * * * 5`,
  ])
  assert.deepEqual(await place.list(blog), [`${blog} far 0 3 * * * 3`])
})

test('a line that stays keeps its next slot, a new one begins now, one that goes is gone, and neighbours keep theirs', async () => {
  await using place = await open()
  await place.arm(blog, 0, { stays: ['0 1 * * *'] })
  await place.arm(shop, 0, { stays: ['0 1 * * *'], goes: ['0 2 * * *'] })
  const late = 10 * HOUR
  await place.arm(shop, late, { stays: ['0 1 * * *'], comes: ['0 2 * * *'] })
  assert.deepEqual(await place.list(shop), [`${shop} stays 0 1 * * * 1`, `${shop} comes 0 2 * * * 26`])
  assert.deepEqual(await place.list(blog), [`${blog} stays 0 1 * * * 1`])
  await place.arm(shop, late, {})
  assert.deepEqual(await place.list(shop), [])
  assert.deepEqual(await place.list(blog), [`${blog} stays 0 1 * * * 1`])
})

test('a slot of a line is kept for its own repository: another that comes later with the same line begins now', async () => {
  await using place = await open()
  await place.arm(shop, 0, { same: ['0 1 * * *'] })
  await place.arm(blog, 10 * HOUR, { same: ['0 1 * * *'] })
  assert.deepEqual(await place.list(blog), [`${blog} same 0 1 * * * 25`])
  assert.deepEqual(await place.list(shop), [`${shop} same 0 1 * * * 1`])
})

test('a line that never comes is no schedule', async () => {
  await using place = await open()
  await place.arm(shop, 0, { never: ['0 0 30 2 *'], comes: ['0 1 * * *'] })
  assert.deepEqual(await place.list(shop), [`${shop} comes 0 1 * * * 1`])
})

test('a line is known by its task, its text and its time zone', () => {
  const line = { task: 'a', cron: '0 1 * * *', timezone: 'UTC' }
  const keys = [
    line,
    { ...line, task: 'b' },
    { ...line, cron: '0 2 * * *' },
    { ...line, timezone: 'Asia/Tokyo' },
  ]
  assert.equal(new Set(keys.map(keyOf)).size, 4)
  assert.equal(keyOf({ ...line }), keyOf(line))
})
