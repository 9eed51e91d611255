import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import type { Option } from '#contracts/descriptors.ts'
import { catalog } from './testing/graphs.ts'
import { hostile } from './testing/hostile-values.ts'
import { base, elsewhere, shown } from './testing/shown-options.ts'

const root = resolve(import.meta.dirname, '../../..')

function optionsOf(options: Record<string, Option>, prefix: string): string[] {
  return Object.entries(options).flatMap(([name, option]) => {
    if (option.removed !== undefined) return []
    return option.options ? optionsOf(option.options, `${prefix}${name}.`) : [`${prefix}${name}`]
  })
}

/** Of a configuration, without the places in lists. */
function pathsIn(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item) => pathsIn(item, path))]
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, path ? `${path}.${key}` : key))
}

const named = Object.entries(elsewhere).flatMap(([file, text]) =>
  text.split(', ').flatMap((part) => {
    const [service = '', options = ''] = part.split(': ')
    return options.split(' ').map((path) => ({ file, service, path }))
  }),
)

for (const { id, options } of catalog)
  test(`${id}: every option is given to a real server by a test`, () => {
    const here = [...hostile, ...shown].filter(({ service }) => service === id)
    const given = new Set([
      ...here.flatMap((each) => pathsIn(each.options, '')),
      ...pathsIn(base[id] ?? {}, ''),
      ...named.filter(({ service }) => service === id).map(({ path }) => path),
    ])
    assert.deepEqual(
      optionsOf(options, '').filter((path) => !given.has(path)),
      [],
    )
  })

test('a test that is named for an option speaks of it', () => {
  for (const { file, service, path } of named) {
    const option = path.split('.').at(-1) ?? ''
    const text = readFileSync(resolve(root, file), 'utf8')
    assert.match(text, new RegExp(`\\b${option}\\b`), `${file} of ${service} ${path}`)
  }
})
