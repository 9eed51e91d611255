import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from './secret.ts'

test('a secret shows itself only to who asks by name', () => {
  const secret = new Secret('hunter2')
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: { secret } }, { showHidden: true, depth: 9 }),
    format('%s %o %j', secret, secret, secret),
    JSON.stringify(Object.entries(secret as object)),
    new Error(`${secret}`).stack,
  ]
  for (const text of shown) assert.ok(!text?.includes('hunter2'), String(text))
  assert.equal(secret.reveal(), 'hunter2')
})
