import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

test('what has the same key waits for the one before, however that ends, and other keys do not', async () => {
  const inTurn = createTurns()
  const did: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = inTurn('a', async () => {
    did.push('first begins')
    await gate.promise
    did.push('first ends')
    throw new Error('no')
  })
  const second = inTurn('a', async () => void did.push('second'))
  await inTurn('b', async () => void did.push('other'))
  assert.deepEqual(did, ['first begins', 'other'])
  gate.resolve()
  await assert.rejects(first, /no/)
  await second
  assert.deepEqual(did, ['first begins', 'other', 'first ends', 'second'])
})
