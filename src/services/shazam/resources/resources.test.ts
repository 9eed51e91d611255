import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { hider } from '#kit/mask/index.ts'
import { stateFrom, type WrittenState } from '../testing/state.ts'
import { kindOf, kinds } from './index.ts'
import type { Entry, Inside, Resource, Step } from './kind.ts'

interface Case {
  title: string
  item?: Record<string, unknown>
  owned?: Entry
  purge?: boolean
  inside?: Inside[]
  state?: WrittenState
  stale?: boolean
  notified?: string[]
  secrets?: string[]
  verdict: string
  summary?: string
  script?: string
  creates?: boolean
  diff?: string | null
}

const folder = join(import.meta.dirname, 'cases')
const files = readdirSync(folder)
const nameOf = (file: string) => file.replace('.yml', '')

test('every kind has cases', () => {
  assert.deepEqual(files.toSorted(), [...kinds.keys()].map((kind) => `${kind}.yml`).toSorted() as string[])
})

for (const file of files) {
  for (const each of parse(readFileSync(join(folder, file), 'utf8')) as Case[])
    test(`${nameOf(file)}: ${each.title}`, () => judge(nameOf(file), each))
}

function judge(kind: string, expected: Case): void {
  const step = expected.item ? planned(kind, expected) : removed(expected)
  assert.equal(step.verdict, expected.verdict, step.summary)
  if (expected.summary !== undefined) assert.equal(step.summary, expected.summary)
  if (expected.script !== undefined) assert.equal(step.script, expected.script)
  if (expected.creates !== undefined) assert.equal(step.creates ?? false, expected.creates)
  if (expected.diff === null) assert.equal(step.diff, undefined)
  else if (expected.diff !== undefined) assert.ok(step.diff?.includes(expected.diff) ?? false)
  assert.equal(step.script !== undefined, ['change', 'unknown until it runs'].includes(step.verdict))
}

function planned(
  name: string,
  { item = {}, owned, state, stale = false, notified = [], secrets = [] }: Case,
): Step {
  const kind = kindOf(name)
  const wish = { kind: name, requires: [], notify: [], ...kind.wish(String(item[name]), item) } as Resource
  return kind.plan(wish, stateFrom(state), {
    stale,
    notified,
    hide: hider(secrets),
    ...(owned ? { owned } : {}),
  })
}

function removed({ owned, state, purge = false, inside = [] }: Case): Step {
  assert.ok(owned)
  const step = kindOf(owned.kind).remove?.(
    { ...owned, requires: [], notify: [] } as Entry & Resource,
    stateFrom(state),
    purge,
    inside,
  )
  assert.ok(step)
  return step
}
