import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddedBus } from '#bus/embedded.ts'
import { openSqlite } from '#store/sqlite.ts'
import { fakeClock } from '#testing/clock.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { silentLog } from './log.ts'
import { defineService, type Parts, startService } from './service.ts'

failOnLeaks()

async function withParts(act: (parts: Omit<Parts, 'stack'>) => Promise<void>) {
  const clock = fakeClock()
  await using store = openSqlite(':memory:')
  await using bus = await embeddedBus({ store, clock, log: silentLog, source: 'test' })
  await act({ bus, store, clock, log: silentLog })
}

test('a service finds its tables made, and stops in the reverse order of its start', () =>
  withParts(async (parts) => {
    const told: string[] = []
    const service = defineService<{ word: string }>({
      name: 'test',
      migrations: [
        {
          id: 'test/0001-things',
          up: (db) => db.schema.createTable('test_things').addColumn('id', 'text').execute(),
        },
      ],
      async start({ stack, store }, { word }) {
        await store.db.insertInto('test_things').values({ id: word }).execute()
        stack.defer(() => void told.push('first'))
        stack.defer(() => void told.push('second'))
      },
    })
    const running = await startService(service, parts, { word: 'hello' })
    assert.deepEqual(await parts.store.db.selectFrom('test_things').selectAll().execute(), [{ id: 'hello' }])
    assert.deepEqual(told, [])
    await running[Symbol.asyncDispose]()
    assert.deepEqual(told, ['second', 'first'])
  }))

test('a service that fails half-way in its start undoes what it did', () =>
  withParts(async (parts) => {
    const told: string[] = []
    const service = defineService<object>({
      name: 'test',
      migrations: [],
      async start({ stack }) {
        stack.defer(() => void told.push('undone'))
        throw new Error('cannot start')
      },
    })
    await assert.rejects(startService(service, parts, {}), /cannot start/)
    assert.deepEqual(told, ['undone'])
  }))
