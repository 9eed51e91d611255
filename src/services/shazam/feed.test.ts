import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddedBus } from '#bus/embedded.ts'
import type { NewLine } from '#contracts/logger.ts'
import { silentLog } from '#kit/log.ts'
import { fakeClock } from '#testing/clock.ts'
import { openStore } from '#testing/store.ts'
import { openFeed } from './feed.ts'

/** A logger whose answers the test gives, on a real bus. */
async function withLogger(
  act: (given: {
    feed: ReturnType<typeof openFeed>
    clock: ReturnType<typeof fakeClock>
    /** Each append: its lines, and how it is answered. */
    asked: { texts: string[]; done(): void; refuse(): void }[]
  }) => Promise<void>,
): Promise<void> {
  const clock = fakeClock()
  await using store = openStore(':memory:')
  await using bus = await embeddedBus({ store, clock, log: silentLog, source: 'test' })
  const asked: { texts: string[]; done(): void; refuse(): void }[] = []
  bus.answer('logger.append', async ({ lines }: { lines: NewLine[] }) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ last: number }>()
    const texts = lines.map(({ text }) => text)
    asked.push({
      texts,
      done: () => resolve({ last: 1 }),
      refuse: () => reject(new Error('the disk is full')),
    })
    return promise
  })
  const feed = openFeed({ bus, clock, log: silentLog }, { repo: 'ann/shop' })
  await act({ feed, clock, asked })
}

test('a logger that is slow is asked once: what it may have written is not sent again', () =>
  withLogger(async ({ feed, clock, asked }) => {
    feed.line('stdout', 'a')
    await clock.advance(10 * 60_000)
    assert.deepEqual(
      asked.map(({ texts }) => texts),
      [['a']],
    )
    asked[0]?.done()
    await feed.flush()
    assert.equal(asked.length, 1)
  }))

test('a logger that refuses is asked again with the same lines', () =>
  withLogger(async ({ feed, clock, asked }) => {
    feed.line('stdout', 'a')
    await clock.advance(1)
    asked[0]?.refuse()
    await clock.advance(1_000)
    asked[1]?.done()
    await feed.flush()
    assert.deepEqual(
      asked.map(({ texts }) => texts),
      [['a'], ['a']],
    )
  }))

test('a feed that is dropped sends nothing any more, and has nothing on its way when that is told', () =>
  withLogger(async ({ feed, clock, asked }) => {
    feed.line('stdout', 'a')
    await clock.advance(1)
    feed.line('stdout', 'b')
    let dropped = false
    const drop = feed.drop().then(() => {
      dropped = true
    })
    await clock.advance(60_000)
    assert.equal(dropped, false)
    asked[0]?.refuse()
    await drop
    feed.line('stdout', 'c')
    await clock.advance(60_000)
    assert.deepEqual(
      asked.map(({ texts }) => texts),
      [['a']],
    )
  }))
