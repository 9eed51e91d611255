import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moment } from './moment.ts'

const now = Date.UTC(2026, 0, 31, 12)
process.env.TZ = 'UTC'

for (const [text, at] of [
  ['15m', now - 15 * 60_000],
  ['15min', now - 15 * 60_000],
  ['2h', now - 2 * 3_600_000],
  ['3d', now - 3 * 86_400_000],
  ['2026-01-31', Date.UTC(2026, 0, 31)],
  ['2026-01-31T11:30', Date.UTC(2026, 0, 31, 11, 30)],
  ['2026-01-31T11:30:00+01:00', Date.UTC(2026, 0, 31, 10, 30)],
] as const)
  test(`${text} is a time`, () => assert.equal(moment(text, now, '--since'), at))

for (const text of ['yesterday', '12', '5 m', '2026-13-40', '', '1e9h'])
  test(`${JSON.stringify(text)} is none, and the answer says what would be`, () => {
    assert.throws(() => moment(text, now, '--since'), /--since is a time ago such as 15m/)
  })
