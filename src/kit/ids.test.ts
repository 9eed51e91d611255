import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from './ids.ts'

test('ids sort by the time they were made at', () => {
  const time = fc.integer({ min: 0, max: 32 ** 9 - 1 })
  fc.assert(
    fc.property(time, time, (a, b) => {
      fc.pre(a < b)
      assert.ok(newId(a) < newId(b))
    }),
  )
})

test('ids are 19 letters and digits that nobody misreads, and differ within one millisecond', () => {
  const ids = Array.from({ length: 1_000 }, () => newId(1_767_225_600_000))
  for (const id of ids) assert.match(id, /^[0-9a-hjkmnp-tv-z]{19}$/)
  assert.equal(new Set(ids).size, ids.length)
})
