import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryDelay } from './backoff.ts'

test('the wait doubles from a second to five minutes', () => {
  const waits = [1, 2, 3, 8, 9, 10, 1_000].map((failures) => retryDelay(failures, () => 0))
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 128_000, 256_000, 300_000, 300_000])
})

test('chance takes off up to a half, so that what failed together does not come back together', () => {
  assert.equal(
    retryDelay(1, () => 1),
    500,
  )
  assert.equal(
    retryDelay(3, () => 0.5),
    3_000,
  )
})
