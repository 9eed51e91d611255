import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewLine } from '#contracts/logger.ts'
import { newId } from '#kit/ids.ts'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { logger } from './index.ts'

failOnLeaks()

const repo = 'ann/shop'

async function start() {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts())
  const keepOf = async () => ({ age: 1e12, size: 1e9 })
  stack.use(await startService(logger, parts, { keepOf, sweepEvery: 1000 }))
  const undo = stack.move()
  const { bus, clock } = parts
  return {
    ...parts,
    say: (text: string, more: Partial<NewLine> = {}) =>
      bus.ask('logger.append', {
        lines: [{ at: clock.now(), repo, stream: 'stdout', level: 'info', text, ...more }],
      }),
    texts: async (more: object = {}) =>
      (await bus.ask('logger.query', { repo, limit: 100, ...more })).lines.map(({ text }) => text),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

test('a new repository of a former name shows no line of the former, by time, by number and by text', async () => {
  await using plane = await start()
  const { bus, clock } = plane
  await plane.say('the password of the former')
  await plane.say('of a neighbour', { repo: 'ann/other' })
  await clock.advance(10)
  await bus.ask('logger.forget_repository', { repo, at: clock.now() })
  await clock.advance(10)
  await plane.say('the first line of the next')
  const next = ['the first line of the next']
  assert.deepEqual(await plane.texts(), next)
  assert.deepEqual(await plane.texts({ after: 0 }), next)
  assert.deepEqual(await plane.texts({ before: 1000 }), next)
  assert.deepEqual(await plane.texts({ text: 'password' }), [])
  assert.deepEqual(await plane.texts({ text: 'the first' }), next)
  assert.equal((await bus.ask('logger.query', { repo, after: 0, limit: 10 })).removed, null)
  assert.deepEqual(await plane.texts({ repo: 'ann/other' }), ['of a neighbour'])
})

test('the lines of the former are swept away, and those of the next are not', async () => {
  await using plane = await start()
  const { bus, clock, store } = plane
  for (let i = 0; i < 20; i++) await plane.say(`former ${i}`)
  await bus.ask('logger.forget_repository', { repo, at: clock.now() })
  await clock.advance(10)
  await plane.say('next')
  await until(async () => {
    await clock.advance(1000)
    return (await store.db.selectFrom('logger_lines').select('seq').execute()).length === 1
  })
  assert.deepEqual(await plane.texts(), ['next'])
})

test('what a work of the former says late is not kept, and a deletion that is heard of twice hides nothing of the next', async () => {
  await using plane = await start()
  const { bus, clock } = plane
  const former = newId(clock.now())
  await clock.advance(10)
  const at = clock.now()
  await bus.publish('repo.deleted', { subject: repo, data: { repo, by: 'ann', at } })
  await bus.ask('logger.forget_repository', { repo, at })
  await clock.advance(10)
  const { last } = await plane.say('the last words', { work: former })
  await plane.say('the first words', { work: newId(clock.now()) })
  await bus.ask('logger.forget_repository', { repo, at })
  assert.deepEqual(await plane.texts(), ['the first words'])
  assert.equal((await bus.ask('logger.query', { repo, limit: 1 })).last, last + 1)
})
