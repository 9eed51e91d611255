import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Option } from '#contracts/descriptors.ts'
import { readCatalog } from '#language'
import { generateCatalogDocs } from './generate-catalog.ts'
import { generateClient } from './generate-client.ts'
import { generateCliDocs } from './generate-docs.ts'
import { generateErrorDocs } from './generate-errors.ts'
import { withRights } from './generate-people.ts'
import { generateResourceDocs, generateResourceKinds } from './generate-resources.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8')

test('the client is what tools/generate-client.ts makes of the served document', async () => {
  assert.equal(read('src/client/generated/types.ts'), await generateClient())
})

test('docs/cli.md is what tools/generate-docs.ts makes of the commands', () => {
  assert.equal(read('docs/cli.md'), generateCliDocs())
})

test('the rights in docs/people.md are those of permissions.ts: node tools/generate-people.ts', () => {
  assert.equal(read('docs/people.md'), withRights(read('docs/people.md')))
})

test('docs/errors.md lists the codes of the table of problems', () => {
  assert.equal(read('docs/errors.md'), generateErrorDocs())
})

test('docs/catalog has the page of each service that tools/generate-catalog.ts makes of it, and no other', () => {
  const pages = generateCatalogDocs()
  const folder = join(import.meta.dirname, '../docs/catalog')
  assert.deepEqual(readdirSync(folder).toSorted(), [...pages.keys()].toSorted())
  for (const [name, text] of pages) assert.equal(read(`docs/catalog/${name}`), text, name)
})

test('every option and command of the catalog is described', () => {
  for (const { id, options, commands } of readCatalog(join(import.meta.dirname, '../catalog'))) {
    const each = Object.values(commands)
    const all = [...inside(options), ...each, ...each.flatMap((command) => inside(command.options))]
    for (const one of all) assert.ok(one.description, `${id}: ${JSON.stringify(one)}`)
  }
})

const inside = (options: Record<string, Option> = {}): Option[] =>
  Object.values(options).flatMap((option) => [option, ...inside(option.options)])

test('docs/resources.md is what tools/generate-resources.ts makes of the kinds and their examples', () => {
  assert.equal(read('docs/resources.md'), generateResourceDocs())
})

test('every command has an example', () => {
  const sections = generateCliDocs()
    .split('\n## ')
    .filter((text) => text.startsWith('devops '))
  assert.ok(sections.length > 30)
  for (const section of sections) assert.match(section, /\nExamples?:\n {2}\$ devops /, section)
})

test('the language knows the kinds of resources that tools/generate-resources.ts makes of shazam', () => {
  const isSame = read('src/language/generated/resource-kinds.json') === generateResourceKinds()
  assert.ok(isSame, 'run `node tools/generate-resources.ts`')
})
