import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '#testing/clock.ts'
import { watchClock } from './clock-watch.ts'
import { type Log, silentLog } from './log.ts'

test('a wall clock that is set is noticed once and said, and one that only runs is not', async () => {
  const said: string[] = []
  const log: Log = { ...silentLog, warn: (_data, text) => void said.push(text) }
  const clock = fakeClock()
  {
    using _ = watchClock(clock, log)
    await clock.advance(60_000)
    assert.deepEqual(said, [])
    for (const [ms, text] of [
      [3_600_000, 'the wall clock was set forward by 3600 s'],
      [-86_400_000, 'the wall clock was set back by 86400 s'],
    ] as const) {
      clock.jump(ms)
      await clock.advance(60_000)
      assert.equal(said.at(-1), text)
    }
    clock.jump(100)
    await clock.advance(60_000)
    assert.equal(said.length, 2)
  }
  assert.equal(clock.pending, 0)
})

test('the steady clock of the system goes on while the wall clock is set', async () => {
  const { systemClock } = await import('./clock.ts')
  const real = Date.now
  const before = systemClock.steady()
  Date.now = () => real() + 86_400_000
  try {
    const now = systemClock.steady()
    assert.ok(now >= before && now - before < 3_600_000)
    assert.ok(systemClock.now() - now > 80_000_000)
  } finally {
    Date.now = real
  }
})
