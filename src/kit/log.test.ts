import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from './log.ts'
import { Secret } from './secret.ts'

test('a line is JSON and shows no secret, whether it is marked or named as one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'))
  const file = join(folder, 'log')
  const log = createLog('info', file)
  const value = 'hunter2'
  log
    .child({ service: 'git' })
    .info({ by: 'ann', key: new Secret(value), password: value, deep: { token: value } }, 'hello')
  log.debug({}, 'too quiet')
  const text = readFileSync(file, 'utf8')
  rmSync(folder, { recursive: true })
  assert.ok(!text.includes(value), text)
  const { service, by, key, msg } = JSON.parse(text)
  assert.deepEqual({ service, by, key, msg }, { service: 'git', by: 'ann', key: '***', msg: 'hello' })
})
