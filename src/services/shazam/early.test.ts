import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile } from './compile.ts'
import { packagesFirst } from './early.ts'
import { inOrder } from './order.ts'
import { planLive } from './plan.ts'
import type { Resource } from './resources/kind.ts'
import { listJobs } from './script.ts'
import { catalog, catalogGraph, graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const order = (text: string) => graphOf(`resources:\n${text}`).resources.map(({ id }) => id)

/** How often a first sync of a graph starts apt to install: packages that follow one another are one run. */
function runsOfApt(graph: ReturnType<typeof graphOf>): number {
  const installs = listJobs(planLive(graph, stateFrom(), []))
    .filter(({ name }) => name !== 'packages')
    .map(({ script }) => script.startsWith('install_packages '))
  return installs.filter((one, at) => one && !installs[at - 1]).length
}

test('packages between files come together, after the repositories that they may come from', () => {
  assert.deepEqual(
    order(`  - {file: /etc/a, content: x}
  - {package: aa}
  - {directory: /srv/b}
  - {apt_repository: 'deb http://host ./'}
  - {package: bb}
  - {file: /etc/b, content: x}
  - {package: cc}`),
    [
      'package:aa',
      'apt_repository:deb http://host ./',
      'package:bb',
      'package:cc',
      'file:/etc/a',
      'directory:/srv/b',
      'file:/etc/b',
    ],
  )
})

test('a package keeps its place after what it needs, and after a command that prepares it', () => {
  assert.deepEqual(
    order(`  - {directory: /etc/pre}
  - {file: /etc/pre/seed, content: x}
  - {package: aa, requires: 'directory:/etc/pre'}
  - {package: bb}`),
    ['package:bb', 'directory:/etc/pre', 'file:/etc/pre/seed', 'package:aa'],
  )
  assert.deepEqual(
    order(`  - {package: aa}
  - {command: preseed, run: debconf-set-selections /dev/null}
  - {package: bb}`),
    ['package:aa', 'command:preseed', 'package:bb'],
  )
  assert.deepEqual(
    order(`  - {file: /etc/a, content: x}
  - {flush: now}
  - {package: bb}`),
    ['file:/etc/a', 'flush:now', 'package:bb'],
  )
})

test('a first sync waits for apt at most twice: each service of the catalog, and all of them on one server', () => {
  for (const { id } of catalog) assert.ok(runsOfApt(catalogGraph([id])) <= 2, id)
  const all = catalog.map(({ id }) => id)
  const options = {
    server: { timezone: 'Europe/Berlin', locale: 'de_DE.UTF-8', packages: ['htop', 'jq'] },
    postgresql: { data_directory: '/srv/pg' },
    nodejs: { packages: ['pm2'] },
  }
  assert.ok(runsOfApt(catalogGraph(all, options)) <= 2)
})

test('packages of two services that wait for what is prepared come in one run, with what needs them after it', () => {
  const one = serviceOf(
    'one',
    `resources: [{directory: /etc/one}, {package: aa, requires: 'directory:/etc/one'}, {file: /etc/one/after, content: x}]`,
  )
  const two = serviceOf(
    'two',
    `resources: [{file: /etc/two, content: x}, {command: two, run: 'true'}, {package: bb}, {unit: bb}]`,
  )
  const node = nodeOf(['one', 'two'])
  const { resources } = compile({ node, catalog: [one, two], scope: {}, keys, platformKey })
  assert.deepEqual(
    resources.map(({ id }) => id),
    [
      ...['directory:/etc/one', 'command:two', 'package:aa', 'package:bb'],
      ...['file:/etc/one/after', 'file:/etc/two', 'unit:bb'],
    ],
  )
})

test('whatever requires what, packages come early and nothing before what it requires', () => {
  const kinds = fc.constantFrom('package', 'file', 'apt_repository', 'directory')
  const graph = fc
    .array(fc.tuple(kinds, fc.array(fc.nat(), { maxLength: 3 })), { maxLength: 25 })
    .map((items) =>
      items.map(
        ([kind, requires], at): Resource => ({
          id: String(at),
          kind,
          notify: [],
          requires: at === 0 ? [] : [...new Set(requires.map((to) => String(to % at)))],
        }),
      ),
    )
  fc.assert(
    fc.property(graph, (resources) => {
      const ordered = inOrder(packagesFirst(resources))
      const at = new Map(ordered.map(({ id }, position) => [id, position]))
      assert.equal(ordered.length, resources.length)
      for (const { id, requires } of resources)
        for (const need of requires) assert.ok((at.get(need) ?? 0) < (at.get(id) ?? 0))
      // One that needs nothing waits for no file.
      const free = ordered.filter(({ kind, requires }) => kind === 'package' && requires.length === 0)
      const file = ordered.findIndex(({ kind }) => kind === 'file' || kind === 'directory')
      for (const { id } of free) assert.ok(file < 0 || (at.get(id) ?? 0) < file)
    }),
  )
})
