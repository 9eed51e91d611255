import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { validateFolder } from '#bin/validate.ts'

const examples = join(import.meta.dirname, '../examples')

for (const name of readdirSync(examples))
  test(`examples/${name} can be pushed as it is, without a word of complaint`, () => {
    assert.deepEqual(validateFolder(join(examples, name)).findings, [])
  })
