import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createPump } from './pump.ts'

/** Microtasks after the end of a run; a promise that is waited for through others needs some. */
const LATER = Array.from({ length: 12 }, (_, ticks) => ticks)

for (const ticks of LATER)
  test(`what is asked for ${ticks} microtasks after the work of a run is done`, async () => {
    let asked = 0
    let seen = 0
    const pump = createPump(async () => {
      seen = asked
      if (asked === 1) void askLater()
    })
    const ask = () => {
      asked++
      pump.poke()
    }
    async function askLater() {
      for (let tick = 0; tick < ticks; tick++) await undefined
      ask()
    }
    ask()
    await setImmediate()
    assert.deepEqual([asked, seen], [2, 2])
  })

test('runs never overlap, and many requests during one are one more run', async () => {
  const ends: (() => void)[] = []
  const pump = createPump(() => new Promise((end) => ends.push(end)))
  pump.poke()
  pump.poke()
  pump.poke()
  assert.equal(ends.length, 1)
  ends[0]?.()
  await setImmediate()
  assert.equal(ends.length, 2)
  const idle = pump.idle()
  ends[1]?.()
  await idle
  await setImmediate()
  assert.equal(ends.length, 2)
})
