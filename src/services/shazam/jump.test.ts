import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readJump } from './jump.ts'

const good = [
  ['gate', { node: 'gate' }],
  ['root@gate.example.org', { user: 'root', host: 'gate.example.org', port: 22, host_keys: [] }],
  ['admin@192.0.2.1:2222', { user: 'admin', host: '192.0.2.1', port: 2222, host_keys: [] }],
  ['admin@[2001:db8::1]:2222', { user: 'admin', host: '2001:db8::1', port: 2222, host_keys: [] }],
] as const

for (const [text, jump] of good)
  test(`the jump ${text} is understood`, () => assert.deepEqual(readJump(text, 'ann/site'), jump))

for (const text of ['', 'a b', 'root@', 'root@host:0', 'root@host:99999', 'root@2001:db8::1', '-x@host'])
  test(`the jump \`${text}\` is refused with what would be right`, () =>
    assert.throws(() => readJump(text, 'ann/site'), /must be a node of ann\/site or USER@HOST/))
