import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { matches } from './pattern.ts'

const long = 'a'.repeat(60)

describe('a pattern', () => {
  it('is compared as any regular expression', () => {
    const cases = [
      ['^[a-z]+$', 'abc', 'fits'],
      ['^[a-z]+$', 'aBc', 'differs'],
      ['^(?!/)(?!.*\\.\\.)[^\\s;{}]+$', 'srv/www', 'fits'],
      ['^(?!/)(?!.*\\.\\.)[^\\s;{}]+$', '../www', 'differs'],
      ['^[^\\s;{}]+( [a-z_]+(=[^\\s;{}]+)?)*$', '10.0.0.1:80 weight=2 backup', 'fits'],
      ['^[(*+]+x$', '(*x', 'fits'],
      ['^(a|b){2}\\1$', 'abb', 'fits'],
      ['(', 'x', 'invalid'],
    ] as const
    for (const [pattern, value, says] of cases) assert.equal(matches(pattern, value), says, pattern)
  })

  it('that would take for ever is found out, whatever its form', async () => {
    for (const pattern of ['^(a+)+$', '^(a|aa)*$', '^((a?)a?)*$', '^(a{1,100}){1,100}$', '^(?=(a+)+$)b']) {
      assert.equal(matches(pattern, `${long}!`), 'hostile', pattern)
      await setImmediate()
    }
  })

  it('is not tried when ten before it took for ever in the same check, and is in the next', async () => {
    for (let i = 0; i < 10; i++) assert.equal(matches(`^(a+)+${i}$`, `${long}!`), 'hostile')
    assert.equal(matches('^(b|c)+$', 'bc'), 'hostile')
    assert.equal(matches('^[bc]+$', 'bc'), 'fits')
    await setImmediate()
    await setImmediate()
    assert.equal(matches('^(b|c)+$', 'bc'), 'fits')
  })
})
