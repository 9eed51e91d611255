import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '#testing/clock.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { sleep, systemClock } from './clock.ts'

failOnLeaks()

test('a sleep ends when its time has come, or at once when it is aborted', async () => {
  const clock = fakeClock()
  const woken: string[] = []
  const giveUp = new AbortController()
  void sleep(clock, 1_000).then(() => woken.push('in time'))
  void sleep(clock, 9_000, giveUp.signal).then(() => woken.push('aborted'))
  await clock.advance(999)
  assert.deepEqual(woken, [])
  await clock.advance(1)
  assert.deepEqual(woken, ['in time'])
  giveUp.abort()
  await clock.advance(0)
  assert.deepEqual(woken, ['in time', 'aborted'])
  await sleep(clock, 9_000, giveUp.signal)
  assert.equal(clock.pending, 0)
})

test('the system clock runs an act once, and not when it is undone', async () => {
  const ran = Promise.withResolvers<void>()
  systemClock.after(1, () => assert.fail('was undone'))()
  systemClock.after(2, ran.resolve)
  await ran.promise
})

test('the fake clock fires in order of time, with the time that each was due at', async () => {
  const clock = fakeClock(0)
  const fired: [string, number][] = []
  clock.after(20, () => fired.push(['b', clock.now()]))
  clock.after(10, () => {
    fired.push(['a', clock.now()])
    clock.after(5, () => fired.push(['from a', clock.now()]))
  })
  clock.after(99, () => assert.fail('too early'))()
  await clock.advance(50)
  assert.deepEqual(fired, [
    ['a', 10],
    ['from a', 15],
    ['b', 20],
  ])
  assert.equal(clock.now(), 50)
})

const DAY = 24 * 60 * 60_000

test('a timer of a month fires after a month, or not at all when it is undone on the way', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const fired: string[] = []
  systemClock.after(30 * DAY, () => fired.push('kept'))
  const undo = systemClock.after(30 * DAY, () => fired.push('undone'))
  // A mocked timer that is set while time moves begins at the end of that move: so by the hour.
  const days = (count: number) => {
    for (let hour = 0; hour < count * 24; hour++) t.mock.timers.tick(DAY / 24)
  }
  days(29)
  undo()
  assert.deepEqual(fired, [])
  days(2)
  assert.deepEqual(fired, ['kept'])
})
