import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from './graph.ts'
import { innerFirst, leavingOf, packagesLeaving } from './leaving.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const resources = (text: string, purge?: true | string[]): Graph => ({
  ...graphOf(`resources: [${text}]`),
  ...(purge === undefined ? {} : { purge }),
})
const nothing = resources('')
const idsOf = (entries: readonly Entry[]) => entries.map(({ id }) => id)
const owned = (text: string, rest: Partial<Entry> = {}): Entry[] =>
  resources(text).manifest.map((entry) => ({ ...entry, ...rest }))
const installed = (...names: string[]) =>
  stateFrom({ packages: Object.fromEntries(names.map((name) => [name, {}])) })
const leavesOf = (graph: Graph, applied: readonly Entry[], state = installed('pa', 'pb', 'pc')) =>
  packagesLeaving(graph, state, applied)?.leave

test('what is described stays, what is not leaves, the last that came first', () => {
  const applied = owned('{file: /a, content: x}, {group: staff}, {file: /b, content: x}')
  const graph = resources('{group: staff}')
  assert.deepEqual(idsOf(leavingOf(graph, stateFrom(), applied)), ['file:/b', 'file:/a'])
})

test('what is described under another name does not leave', () => {
  const state = Object.assign(installed('pa', 'pb'), { native: 'amd64' })
  const applied = owned('{package: "pa:amd64"}, {package: pb}')
  const graph = resources('{package: pa}')
  const entries = applied.map((entry, at) =>
    at === 0 ? { ...entry, id: 'package:pa:amd64', name: 'pa:amd64' } : entry,
  )
  assert.deepEqual(idsOf(leavingOf(graph, state, entries)), ['package:pb'])
  assert.deepEqual(packagesLeaving(graph, state, entries)?.leave, [{ name: 'pb', purge: true }])
})

test('a folder leaves after all that is in it, in whatever order they were described', () => {
  const [_openssl, outer, inner, file, beside, user, certificate] = owned(
    [
      '{directory: /srv/a}',
      '{directory: /srv/a/b}',
      '{file: /srv/a/b/c, content: x}',
      '{file: /srv/ab, content: x}',
      '{user: ann, home: /srv/a/ann}',
      '{certificate: /etc/c, key: /srv/a/key, names: [a]}',
    ].join(', '),
  ) as [Entry, Entry, Entry, Entry, Entry, Entry, Entry]
  const orders = [
    [outer, inner, file, user, certificate, beside],
    [beside, file, inner, outer, certificate, user],
    [inner, outer, certificate, file, beside, user],
    [user, inner, beside, outer, file, certificate],
    [outer, inner, file],
    [inner, outer, file],
  ]
  for (const order of orders) {
    const ids = idsOf(innerFirst(order))
    assert.deepEqual(ids.toSorted(), idsOf(order).toSorted())
    for (const entry of order) {
      if (entry === inner) assert.ok(ids.indexOf(file.id) < ids.indexOf(inner.id), ids.join(' '))
      if (entry !== outer && entry !== beside)
        assert.ok(ids.indexOf(entry.id) < ids.indexOf(outer.id), ids.join(' '))
    }
  }
})

test('a folder does not wait for what is merely named like it, nor for what has no place', () => {
  const [folder, beside, group] = owned(
    '{directory: /srv/a}, {file: /srv/ab, content: x}, {group: staff}',
  ) as [Entry, Entry, Entry]
  assert.deepEqual(idsOf(innerFirst([folder, beside, group])), idsOf([folder, beside, group]))
})

test('apt is asked nothing when no package leaves', () => {
  assert.equal(packagesLeaving(nothing, installed(), owned('{file: /a, content: x}')), undefined)
  assert.equal(
    packagesLeaving(resources('{package: pa}'), installed('pa'), owned('{package: pa}')),
    undefined,
  )
  assert.equal(
    packagesLeaving(nothing, installed('pa'), owned('{package: pa}', { skipped: true })),
    undefined,
  )
})

test('packages leave with their configuration, unless they keep it and are not purged', () => {
  assert.deepEqual(leavesOf(nothing, owned('{package: pa}')), [{ name: 'pa', purge: true }])
  const kept = owned('{package: pa, keep: true}')
  assert.deepEqual(leavesOf(nothing, kept), [{ name: 'pa', purge: false }])
  assert.deepEqual(leavesOf(resources('', true), kept), [{ name: 'pa', purge: true }])
  assert.deepEqual(leavesOf(resources('', ['x']), kept), [{ name: 'pa', purge: true }])
  assert.deepEqual(leavesOf(resources('', ['y']), kept), [{ name: 'pa', purge: false }])
})

test('a package that was there before stays, and apt is told that it does', () => {
  const applied = [...owned('{package: pb}'), ...owned('{package: pa}', { present_before: true })]
  const asked = packagesLeaving(nothing, installed('pa', 'pb'), applied)
  assert.deepEqual(asked?.leave, [{ name: 'pb', purge: true }])
  assert.deepEqual(asked?.stay, ['pa'])
  const auto = applied.map((entry) => ({ ...entry, before: { auto: true } }))
  assert.deepEqual(packagesLeaving(nothing, installed('pa', 'pb'), auto)?.stay, [])
  assert.equal(
    packagesLeaving(nothing, installed('pa'), owned('{package: pa}', { present_before: true })),
    undefined,
  )
})

test('a package that is described stays, also when something else that leaves is the same', () => {
  const graph = resources('{package: pa}, {file: /etc/a, content: x}')
  const state = stateFrom({
    packages: { pa: {}, pb: {}, either: { by: ['pa', 'pc'] }, pc: {} },
    texts: { '/var/lib/devops/brought': ['pa', 'pc'] },
  })
  const asked = packagesLeaving(graph, state, owned('{package: pb}, {package: either}'))
  assert.deepEqual(
    asked?.leave.map(({ name }) => name),
    ['pc', 'pb'],
  )
  assert.deepEqual(asked?.stay, ['pa'])
})

test('a package that leaves under two names is named once', () => {
  const state = stateFrom({
    packages: { pa: {}, either: { by: ['pa'] } },
    texts: { '/var/lib/devops/brought': ['pa'] },
  })
  const asked = packagesLeaving(nothing, state, owned('{package: pa}, {package: either}'))
  assert.deepEqual(asked?.leave, [{ name: 'pa', purge: true }])
})

test('apt is told where data stay, once, and not of what can be written once more', () => {
  const applied = [...owned('{package: pa}, {directory: /srv/data, keep: true}, {directory: /srv/gone}')]
  const graph = resources('{directory: /srv/site}, {file: /etc/a, content: x}, {link: /srv/l, to: /tmp}')
  const asked = packagesLeaving(graph, installed('pa'), applied)
  assert.deepEqual(asked?.kept.toSorted(), ['/srv/data', '/srv/site'])
  const twice = packagesLeaving(graph, installed('pa'), [
    ...applied,
    ...owned('{git_checkout: /srv/data, repo: /tmp/o}', { keep: true }),
  ])
  assert.deepEqual(twice?.kept.toSorted(), ['/srv/data', '/srv/site'])
})
