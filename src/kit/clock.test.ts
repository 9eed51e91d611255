import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'

const DAY = 24 * 60 * 60_000

test('a timer of a month fires after a month, or not at all when it is undone on the way', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const fired: string[] = []
  systemClock.after(30 * DAY, () => fired.push('kept'))
  const undo = systemClock.after(30 * DAY, () => fired.push('undone'))
  t.mock.timers.tick(29 * DAY)
  undo()
  assert.deepEqual(fired, [])
  t.mock.timers.tick(DAY)
  assert.deepEqual(fired, ['kept'])
})
