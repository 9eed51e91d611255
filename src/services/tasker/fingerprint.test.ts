import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '#contracts/descriptors.ts'
import { fingerprints } from './fingerprint.ts'
import { aNode, tip } from './testing/descriptors.ts'

const ownService = (text: string, rest: Partial<Service> = {}): Service => ({
  id: 'site',
  title: 'Site',
  tags: [],
  requires: [],
  options: {},
  commands: {},
  resources: [],
  handlers: {},
  templates: { 'index.html': text },
  facts: {},
  ...rest,
})

/** Which nodes two states of a repository ask something different of. */
function moved(
  before: Parameters<typeof fingerprints>[0],
  after: Parameters<typeof fingerprints>[0],
): string[] {
  const old = fingerprints(before)
  return [...fingerprints(after)].filter(([node, print]) => old.get(node) !== print).map(([node]) => node)
}

test('the commit and the order of keys say nothing', () => {
  const one = tip(1, [aNode('web', { nginx: { a: 1, b: 2 } })])
  assert.deepEqual(moved(one, tip(2, [aNode('web', { nginx: { b: 2, a: 1 } })])), [])
})

test('a changed node changes itself and no other', () => {
  assert.deepEqual(moved(tip(1, ['db', 'web']), tip(2, ['db', aNode('web', { nginx: {} })])), ['web'])
})

test('a node follows the configuration that its templates mention, over any number of steps', () => {
  const web = aNode('web', { nginx: { port: '{{ app.configuration.http.port }}' } })
  const app = (port: unknown) => aNode('app', { http: { port } })
  const via = app('{{ db.configuration.x.port }}')
  const db = (port: number) => aNode('db', { x: { port } })
  assert.deepEqual(moved(tip(1, [web, app(1)]), tip(2, [web, app(2)])), ['web', 'app'])
  assert.deepEqual(moved(tip(1, [web, via, db(1)]), tip(2, [web, via, db(2)])), ['web', 'app', 'db'])
})

test('an address of another node does not tie a node to its descriptor', () => {
  const web = aNode('web', { nginx: { upstream: '{{ app.ip }}' } })
  assert.deepEqual(moved(tip(1, [web, 'app']), tip(2, [web, aNode('app', { http: {} })])), ['app'])
})

test("a changed template of the repository's own service changes the nodes that use it, also through another", () => {
  const web = { ...aNode('web'), services: { shop: '*' } }
  const shop = ownService('', { id: 'shop', requires: ['site'] })
  const state = (text: string) => tip(1, [web, 'db'], [], { services: [ownService(text), shop] })
  assert.deepEqual(moved(state('one'), state('two')), ['web'])
})
