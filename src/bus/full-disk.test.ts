import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { openSqlite } from '#store/sqlite.ts'
import { fakeClock } from '#testing/clock.ts'
import { until } from '#testing/until.ts'
import { embeddedBus } from './embedded.ts'

test('a start that cannot write down what a dead process had in hand waits for room, and then goes on', async () => {
  const clock = fakeClock()
  await using store = openSqlite(':memory:')
  const parts = { store, clock, log: silentLog, source: 'test' }
  await (await embeddedBus(parts))[Symbol.asyncDispose]()
  let refused = 0
  const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })
  let isFull = true
  const narrow = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name === 'as') return () => narrow
      if (name === 'migrate') return async () => {}
      if (name === 'transaction' && isFull)
        return async () => {
          refused++
          throw full
        }
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  let started = false
  const starting = embeddedBus({ ...parts, store: narrow }).then((bus) => {
    started = true
    return bus
  })
  await until(() => refused === 1)
  await clock.advance(1000)
  await until(() => refused === 2)
  assert.equal(started, false)
  isFull = false
  await clock.advance(1000)
  await using bus = await starting
  assert.deepEqual(await bus.parked(), [])
})

test('a start that fails for another reason fails at once', async () => {
  await using store = openSqlite(':memory:')
  const parts = { store, clock: fakeClock(), log: silentLog, source: 'test' }
  const broken = new Proxy(store, {
    get(target, name) {
      if (name === 'as') return () => broken
      if (name === 'migrate') return async () => {}
      if (name === 'transaction') return () => Promise.reject(new Error('no such table'))
      return Reflect.get(target, name)
    },
  })
  await assert.rejects(embeddedBus({ ...parts, store: broken }), /no such table/)
})
