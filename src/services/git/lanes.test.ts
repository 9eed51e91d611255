import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lanes } from './lanes.ts'

test('who gives up waiting leaves the lane, and who came after waits for who is inside', async () => {
  const lanes = new Lanes()
  const inside = await lanes.enter('a')
  const gone = new AbortController()
  const given = lanes.enter('a', gone.signal)
  const order: string[] = []
  const after = lanes.enter('a').then((leave) => {
    order.push('after')
    return leave
  })
  gone.abort()
  await assert.rejects(given, { name: 'AbortError' })
  order.push('inside')
  inside()
  const leave = await after
  assert.deepEqual(order, ['inside', 'after'])
  leave()
  const again = await lanes.enter('a')
  again()
})

test('whoever has gone already takes no place', async () => {
  const lanes = new Lanes()
  await assert.rejects(lanes.enter('a', AbortSignal.abort()), { name: 'AbortError' })
  const leave = await lanes.enter('a', new AbortController().signal)
  leave()
})
