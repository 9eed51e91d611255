import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { newKeyPair } from './ssh-key.ts'

test('a key pair can be read back, every time', () => {
  for (let i = 0; i < 400; i++) {
    const pair = newKeyPair('here')
    for (const key of [pair.private, pair.public]) assert.ok(!(ssh2.utils.parseKey(key) instanceof Error))
    assert.match(pair.public, /^ssh-ed25519 \S+ here\n?$/)
  }
})

test('a pair that was written badly is made anew', () => {
  const good = newKeyPair()
  const bad = { private: good.private.replace(/\n.{8}/, '\n'), public: good.public }
  const made = [bad, good]
  assert.equal(
    newKeyPair('', () => made.shift() ?? good),
    good,
  )
})
