import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { composites } from './composite.ts'

interface Case {
  title: string
  item: Record<string, unknown>
  /** The items that it is short for; of a text that is long, a part: `{has: …}`. */
  gives?: Record<string, unknown>[]
  refused?: string
}

const folder = join(import.meta.dirname, 'composite-cases')
const files = readdirSync(folder)

test('every short name has cases', () => {
  assert.deepEqual(
    files.toSorted(),
    Object.keys(composites)
      .map((name) => `${name}.yml`)
      .toSorted(),
  )
})

for (const file of files)
  for (const each of parse(readFileSync(join(folder, file), 'utf8')) as Case[])
    test(`${file.replace('.yml', '')}: ${each.title}`, () => judge(file.replace('.yml', ''), each))

function judge(name: string, { item, gives, refused }: Case): void {
  const give = () => composites[name]?.(item) ?? []
  if (refused !== undefined) {
    assert.throws(give, (error: Error) => error.message.includes(refused))
    return
  }
  const given = give()
  assert.equal(given.length, gives?.length)
  for (const [at, expected] of (gives ?? []).entries()) {
    const found = { ...given[at] }
    for (const [key, value] of Object.entries(expected)) {
      const part = (value as { has?: string } | null)?.has
      if (part === undefined) continue
      assert.ok(String(found[key]).includes(part), `${key}: ${found[key]}`)
      found[key] = value
    }
    assert.deepEqual(found, expected)
  }
}
