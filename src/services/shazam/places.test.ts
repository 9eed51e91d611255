import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyGraph } from './graph.ts'
import { filesOf, isBelow, MOUNTS, mountsBelow, pathsOf, placesIn, stayingPlaces } from './places.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'
import { twinsOf } from './twins.ts'

const entry = (kind: string, rest: Partial<Entry> = {}): Entry => ({
  id: `${kind}:x`,
  kind,
  notify: [],
  ...rest,
})

/** Where each kind is, and which files it writes. */
const places: [entry: Entry, paths: string[], files: string[]][] = [
  [entry('file', { path: '/a' }), ['/a'], ['/a', '/a']],
  [entry('directory', { path: '/a', key: '/k' }), ['/a'], ['/a', '/a']],
  [entry('link', { path: '/a', to: '/b' }), ['/a'], ['/a', '/a']],
  [entry('archive', { path: '/a' }), ['/a'], ['/a', '/a']],
  [entry('git_checkout', { path: '/a' }), ['/a'], ['/a', '/a']],
  [entry('mount', { path: '/a' }), ['/a'], ['/a', '/a', '/etc/fstab']],
  [entry('swap', { path: '/a' }), ['/a'], ['/a', '/a', '/etc/fstab']],
  [entry('certificate', { path: '/a', key: '/k' }), ['/a', '/k'], ['/a', '/k', '/a']],
  [entry('certificate', { path: '/a' }), ['/a'], ['/a', '/a']],
  [entry('user', { name: 'ann' }), ['/home/ann'], ['/home/ann']],
  [entry('user', { name: 'root' }), ['/root'], ['/root']],
  [entry('user', { name: 'ann', home: '/srv/ann' }), ['/srv/ann'], ['/srv/ann']],
  [entry('pip', { name: 'x', venv: '/v' }), ['/v'], ['/v']],
  [entry('line', { path: '/a' }), [], ['/a']],
  [entry('host', { name: 'db' }), [], ['/etc/hosts']],
  [entry('hostname', { name: 'web' }), [], ['/etc/hostname', '/etc/hosts']],
  [entry('group', { name: 'staff' }), [], []],
]
for (const [of, paths, files] of places)
  test(`${JSON.stringify(of)} is at ${paths} and writes ${files}`, () => {
    assert.deepEqual(pathsOf(of), paths)
    assert.deepEqual(filesOf(of), files)
  })

test('what stays is all that is described, what keeps its data and what was there before', () => {
  const graph = graphOf('resources: [{directory: /srv/site}, {command: make, run: make, data: /var/made}]')
  const leaving = [
    entry('directory', { path: '/gone' }),
    entry('directory', { path: '/kept', keep: true, from: ['x'] }),
    entry('directory', { path: '/found', present_before: true }),
    entry('group', { data: '/no/command' }),
    entry('command', { name: 'drop', present_before: true, data: '/var/drop' }),
  ]
  const pathsIn = (purge: true | string[]) =>
    stayingPlaces({ ...graph, purge }, leaving).map(({ path }) => path)
  assert.deepEqual(pathsIn([]), ['/srv/site', '/var/made', '/kept', '/found', '/var/drop'])
  assert.deepEqual(pathsIn(['x']), ['/srv/site', '/var/made', '/found', '/var/drop'])
})

/** Whether what stays may be the only copy of something. */
for (const [of, data] of [
  [entry('directory', { path: '/a', present_before: true }), true],
  [entry('link', { path: '/a', keep: true }), false],
  [entry('file', { path: '/a', keep: true }), true],
  [entry('file', { path: '/a', present_before: true }), true],
  [entry('file', { path: '/a', once: true, present_before: true }), true],
] as const)
  test(`${JSON.stringify(of)} ${data ? 'is' : 'is not'} data`, () => {
    const [place] = stayingPlaces(emptyGraph('web'), [of])
    assert.deepEqual(place, { path: '/a', id: of.id, data })
  })

test('a described file is data only when it is written once', () => {
  const graph = graphOf('resources: [{file: /a, content: x}, {file: /b, content: x, once: true}]')
  assert.deepEqual(
    stayingPlaces(graph, []).map(({ path, data }) => [path, data]),
    [
      ['/a', false],
      ['/b', true],
    ],
  )
})

test('folders, checkouts, archives and homes hold what is below them, nothing else does, and none holds itself', () => {
  const inside = { path: '/srv/a/b', id: 'file:/srv/a/b', data: true }
  const same = { path: '/srv/a', id: 'mount:/srv/a', data: true }
  const itself = { path: '/srv/a', id: 'own', data: true }
  const beside = { path: '/srv/ab', id: 'file:/srv/ab', data: true }
  const found = (kind: string, rest: Partial<Entry> = { path: '/srv/a' }) =>
    placesIn([inside, same, itself, beside], { ...entry(kind, rest), id: 'own' })
  for (const kind of ['directory', 'git_checkout', 'archive'])
    assert.deepEqual(found(kind), [inside, same], kind)
  assert.deepEqual(found('user', { name: 'ann', home: '/srv/a' }), [inside, same])
  for (const kind of ['file', 'mount', 'link', 'certificate']) assert.deepEqual(found(kind), [], kind)
})

test('a path is below itself, its folder and the root, and not below what is named like it', () => {
  assert.deepEqual(
    [
      ['/a', '/a'],
      ['/a/b', '/a'],
      ['/a', '/'],
      ['/ab', '/a'],
      ['/a', '/a/b'],
      ['relative', '/'],
    ].map(([path = '', folder = '']) => isBelow(path, folder)),
    [true, true, true, false, false, false],
  )
})

test('mounts below a folder are found, also with a blank in their name', () => {
  const lines = ['tmpfs /srv/a tmpfs rw 0 0', 'x /srv/a\\040b/c ext4 rw 0 0', 'x /srv/a/d ext4 rw 0 0', '']
  const state = stateFrom({ texts: { [MOUNTS]: lines } })
  assert.equal(MOUNTS, '/proc/self/mounts')
  assert.deepEqual(mountsBelow(state, '/srv/a'), ['/srv/a', '/srv/a/d'])
  assert.deepEqual(mountsBelow(state, '/srv/a b'), ['/srv/a b/c'])
  assert.deepEqual(mountsBelow(stateFrom(), '/srv'), [])
})

test('only what is described under a new name has a twin', () => {
  const state = stateFrom({
    units: { ssh: { id: 'ssh.service' }, sshd: { id: 'ssh.service' }, gone: { id: '' }, none: { id: '' } },
  })
  const graph = graphOf('resources: [{unit: sshd, enabled: true}, {unit: none, enabled: true}]')
  const unit = (name: string): Entry => ({ ...entry('unit', { name }), id: `unit:${name}` })
  const twins = (...applied: Entry[]) =>
    [...twinsOf(graph, state, applied)].map(([id, { id: old }]) => [id, old])
  assert.deepEqual(twins(unit('ssh')), [['unit:sshd', 'unit:ssh']])
  // What is owned under the name that is described is itself, and the other one leaves.
  assert.deepEqual(twins(unit('ssh'), unit('sshd')), [])
  assert.deepEqual(twins(unit('sshd')), [])
  // A unit that the node does not know is no twin of another one.
  assert.deepEqual(twins(unit('gone')), [])
  assert.deepEqual(twins({ ...entry('file', { name: 'ssh', path: '/a' }), id: 'file:/a' }), [])
})
