import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewLine } from '#contracts/logger.ts'
import { startService } from '#kit/service.ts'
import { exportLines, followLines } from '#services/api/logs.ts'
import type { Message } from '#services/api/sse.ts'
import { logger } from '#services/logger/index.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'

failOnLeaks()

const repo = 'ann/shop'
const DAY = 24 * 60 * 60_000

async function start() {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts())
  const keepOf = async () => ({ age: 30 * DAY, size: 4 })
  stack.use(await startService(logger, parts, { keepOf, sweepEvery: DAY }))
  const say = (...texts: string[]) => {
    const at = parts.clock.now()
    const lines = texts.map((text): NewLine => ({ at, repo, stream: 'stdout', level: 'info', text }))
    return parts.bus.ask('logger.append', { lines })
  }
  const undo = stack.move()
  return { ...parts, say, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

async function take(messages: AsyncIterable<Message>, count = Infinity): Promise<Message[]> {
  const taken: Message[] = []
  for await (const message of messages) if (message.data !== undefined && taken.push(message) >= count) break
  return taken
}

const texts = (messages: Message[]) => messages.map(({ data }) => (data as { text: string }).text)

test('a reader who comes back after lines were swept away is told how many, once, and then gets the rest', async () => {
  await using plane = await start()
  await plane.say('aa', 'bb', 'cc', 'dd')
  await plane.clock.advance(DAY)
  const { bus } = plane
  await until(async () => (await bus.ask('logger.query', { repo, limit: 10 })).lines.length === 2)
  const stop = new AbortController()
  const messages = await take(followLines(bus, { repo }, '1', stop.signal), 3)
  assert.deepEqual(messages[0], { event: 'removed', data: { lines: 2, until: 2 } })
  assert.deepEqual(texts(messages.slice(1)), ['cc', 'dd'])
  assert.deepEqual(texts(await take(followLines(bus, { repo }, '2', stop.signal), 2)), ['cc', 'dd'])
})

test('a tail is narrowed by what a query is narrowed by', async () => {
  await using plane = await start()
  await plane.say('one fish', 'two fish', 'red bird')
  const stop = new AbortController()
  const filter = { repo, text: 'FISH', level: 'info' } as const
  const found = await take(followLines(plane.bus, filter, undefined, stop.signal), 2)
  assert.deepEqual(texts(found), ['one fish', 'two fish'])
})

test('an export gives every line that was there when it began, and ends although more come', async () => {
  await using plane = await start()
  for (let i = 0; i < 3; i++) await plane.say(...Array.from({ length: 2000 }, (_, k) => `${i} ${k}`))
  const stop = new AbortController()
  const found: string[] = []
  for await (const { data } of exportLines(plane.bus, { repo }, stop.signal)) {
    if (found.length % 1000 === 0) await plane.say('late')
    found.push((data as { text: string }).text)
  }
  assert.equal(found.length, 6000)
  assert.deepEqual(found.at(-1), '2 1999')
})
