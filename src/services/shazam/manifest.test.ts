import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from './apply.ts'
import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { nextManifest, ownedOf } from './manifest.ts'
import { planLive } from './plan.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const resources = (text: string, purge?: true | string[]): Graph => ({
  ...graphOf(`resources: [${text}]`),
  ...(purge === undefined ? {} : { purge }),
})
const folder = { type: 'directory' as const, mode: '755' }

/** The manifest after a sync in which each resource ended as `results` says. */
function after(
  graph: Graph,
  state: State,
  applied: readonly Entry[],
  results: Record<string, Outcome['result']> = {},
): Entry[] {
  const plan = planLive(graph, state, applied)
  const outcomes = Object.entries(results).map(([resource, result]) => ({ resource, result, reason: '' }))
  return nextManifest(graph, plan, () => state, applied, outcomes)
}
const idsOf = (entries: readonly Entry[]) => entries.map(({ id }) => id)
const flagsOf = ({ present_before, before, incomplete, skipped, kept, spent }: Entry) =>
  Object.fromEntries(
    Object.entries({ present_before, before, incomplete, skipped, kept, spent }).filter(
      ([, value]) => value !== undefined,
    ),
  )
const a = 'file:/srv/a'
const b = 'file:/srv/b'
const two = resources('{file: /srv/a, content: x}, {file: /srv/b, content: x}')
/** What is owned of `two`; both files are the platform's own. */
const owned = two.manifest
const stateOfB = () => stateFrom({ files: { '/srv/b': { size: 9, mode: '600' } } })

test('what a first sync makes is owned; what it found is owned with a mark and how it was', () => {
  const [made, found] = after(two, stateOfB(), [], { [a]: 'changed', [b]: 'changed' })
  assert.deepEqual([made?.id, flagsOf(made as Entry)], [a, {}])
  assert.equal(found?.present_before, true)
  assert.equal(found?.before?.mode, '600')
  assert.equal(found?.path, '/srv/b')
})

test('what was noted on the node as made is no find, though it is there when the record is written', () => {
  const state = stateFrom({ files: { '/srv/a': {}, '/srv/b': {} }, made: [a] })
  const [made, found] = after(two, state, [], { [a]: 'changed', [b]: 'changed' })
  assert.equal(made?.present_before, undefined)
  assert.equal(found?.present_before, true)
})

test('a package that an installation of the platform brought is no find, one that was there is', () => {
  const graph = resources('{package: dep}, {package: own}')
  const state = stateFrom({
    packages: { dep: { auto: true }, own: {} },
    texts: { '/var/lib/devops/brought': ['dep'] },
  })
  const [dep, own] = after(graph, state, [], { 'package:dep': 'changed' })
  assert.equal(dep?.present_before, undefined)
  assert.equal(own?.present_before, true)
  assert.deepEqual(own?.before, { auto: false, held: false })
})

test('a folder that was made on the way to another is no find', () => {
  const graph = resources('{directory: /srv/way}, {directory: /srv/found}')
  const state = stateFrom({
    files: { '/srv/way': folder, '/srv/found': folder },
    texts: { '/var/lib/devops/folders-above': ['/srv/way'] },
  })
  const [way, found] = after(graph, state, [])
  assert.deepEqual([way?.present_before, found?.present_before], [undefined, true])
})

test('how a resource was before the platform is said once: a later sync changes neither the mark nor the past', () => {
  const past = { mode: '600', owner: 'ann', group: 'ann' }
  const former = owned.map((entry) =>
    entry.id === b ? { ...entry, present_before: true, before: past } : entry,
  )
  const state = stateFrom({ files: { '/srv/a': { mode: '640' }, '/srv/b': { mode: '640' } } })
  const [first, second] = after(two, state, former, { [a]: 'changed', [b]: 'unchanged' })
  assert.deepEqual(flagsOf(first as Entry), {})
  assert.deepEqual(flagsOf(second as Entry), { present_before: true, before: past })
})

test('what failed is owned as incomplete: it may be half there', () => {
  for (const result of ['failed', 'unfinished'] as const) {
    const [first, second] = after(two, stateOfB(), [], { [a]: result, [b]: result })
    assert.deepEqual(flagsOf(first as Entry), { incomplete: true })
    assert.equal(second?.incomplete, true)
    assert.equal(second?.present_before, true)
    assert.equal(second?.before?.mode, '600')
  }
})

test('what failed and was owned keeps what was recorded of it', () => {
  const former = owned.map((entry) => ({ ...entry, mode: '600' }))
  const [first] = after(two, stateFrom(), former, { [a]: 'failed', [b]: 'changed' })
  assert.equal(first?.mode, '600')
  assert.equal(first?.incomplete, true)
})

test('what was not tried is not owned when it was not before, and else owned as it was', () => {
  assert.deepEqual(after(two, stateFrom(), [], { [a]: 'skipped' }), [])
  const former = owned.map((entry) => ({ ...entry, mode: '600' }))
  const entries = after(two, stateFrom(), former, { [a]: 'skipped' })
  assert.deepEqual(idsOf(entries), [a, b])
  for (const entry of entries) {
    assert.equal(entry.mode, '600')
    assert.equal(entry.incomplete, true)
  }
})

test('what succeeds after a failure is complete', () => {
  const former = owned.map((entry) => ({ ...entry, incomplete: true }))
  for (const result of ['changed', 'unchanged'] as const)
    assert.deepEqual(
      after(two, stateFrom(), former, { [a]: result, [b]: result }).map(flagsOf),
      [{}, {}],
      result,
    )
})

test('what makes no sense in a container is noted as left out, and is not owned by a later sync', () => {
  const graph = resources('{swap: /swap, size: 1, except: container}')
  const state = stateFrom({ system: { container: true } })
  const entries = after(graph, state, [])
  assert.deepEqual(entries.map(flagsOf), [{ skipped: true }])
  // Out of the container it is met for the first time: what is there then was not made by the platform.
  const bare = stateFrom({ files: { '/swap': { size: 1_048_576, mode: '600' } } })
  assert.equal(after(graph, bare, entries, { 'swap:/swap': 'changed' })[0]?.present_before, true)
  assert.deepEqual(after(resources(''), state, entries), [])
})

test('what is owned and makes no sense in a container any more stays owned as it was', () => {
  const graph = resources('{swap: /swap, size: 1, except: container}')
  const state = stateFrom({ system: { container: true } })
  assert.deepEqual(after(graph, state, graph.manifest), graph.manifest)
})

test('what has left is forgotten, what failed to leave or was not tried is not', () => {
  const state = stateFrom({ files: { '/srv/a': {}, '/srv/b': {} } })
  for (const [result, left] of [
    ['changed', []],
    ['unchanged', []],
    ['failed', [a]],
    ['unfinished', [a]],
    ['skipped', [a]],
  ] as const)
    assert.deepEqual(idsOf(after(resources(''), state, owned, { [a]: result, [b]: 'changed' })), left, result)
  assert.deepEqual(idsOf(after(resources(''), state, owned, { [a]: 'changed' })), [b])
  assert.deepEqual(after(resources(''), state, owned), owned)
})

test('what is gone by itself is forgotten', () => {
  assert.deepEqual(after(resources(''), stateFrom(), owned), [])
})

test('data that stay when their folder is described no more stay known', () => {
  const data = resources('{directory: /srv/data, keep: true}').manifest
  const state = stateFrom({ files: { '/srv/data': folder } })
  assert.deepEqual(
    after(resources(''), state, data).map((entry) => [entry.id, flagsOf(entry)]),
    [['directory:/srv/data', { kept: true }]],
  )
  const purged = after(resources('', true), state, data, { 'directory:/srv/data': 'changed' })
  assert.deepEqual(purged, [])
})

test('an emptied folder of data leaves last, and is known as spent while something is left in it', () => {
  const data = resources('{directory: /srv/old, keep: true}').manifest
  const graph = resources('{directory: /srv/new, keep: true}', true)
  const state = stateFrom({ files: { '/srv/old': folder, '/srv/new': folder } })
  const results = (result: Outcome['result']) => ({ 'directory:/srv/old': result })
  assert.deepEqual(idsOf(after(graph, state, data, results('changed'))), ['directory:/srv/new'])
  const [old] = after(graph, state, data, results('unchanged'))
  assert.deepEqual([old?.id, flagsOf(old as Entry)], ['directory:/srv/old', { kept: true, spent: true }])
  const [failed] = after(graph, state, data, results('failed'))
  assert.deepEqual([failed?.id, flagsOf(failed as Entry)], ['directory:/srv/old', {}])
})

test('a checkout around what stays waits: it is known without its data, and leaves when it is empty', () => {
  const [checkout] = resources('{git_checkout: /srv/c, repo: /tmp/o}').manifest
  const state = stateFrom({ files: { '/srv/c': folder, '/srv/c/a': {} } })
  const graph = resources('{file: /srv/c/a, content: x}')
  const former = { ...(checkout as Entry), keep: true, from: ['x'], kept: true }
  const [waiting] = after(graph, state, [former], { 'file:/srv/c/a': 'changed' })
  assert.equal(waiting?.id, 'git_checkout:/srv/c')
  assert.deepEqual([waiting?.keep, waiting?.from, waiting?.kept], [undefined, undefined, undefined])
  assert.equal(waiting?.path, '/srv/c')
})

test('a thing under another name goes on with its past, and the former name is forgotten', () => {
  const [former] = resources('{unit: ssh, enabled: true}').manifest
  const graph = resources('{unit: sshd, enabled: true}')
  const names = Object.fromEntries(
    [...graph.manifest, former as Entry].map((entry) => [entry.name as string, { id: 'ssh.service' }]),
  )
  const past = { enabled: 'disabled' }
  const entries = after(graph, stateFrom({ units: names }), [
    { ...(former as Entry), present_before: true, before: past },
  ])
  assert.deepEqual(
    entries.map((entry) => [entry.id, flagsOf(entry)]),
    [[graph.manifest[0]?.id, { present_before: true, before: past }]],
  )
  assert.notEqual(graph.manifest[0]?.id, former?.id)
})

test('what is kept or has not left comes before what is described', () => {
  const former = resources(
    '{directory: /srv/data, keep: true}, {file: /srv/gone, content: x}, {file: /srv/b, content: x}',
  ).manifest
  const state = stateFrom({ files: { '/srv/data': folder, '/srv/gone': {}, '/srv/b': {} } })
  const entries = after(two, state, former, {
    'file:/srv/gone': 'failed',
    [a]: 'changed',
    [b]: 'changed',
  })
  assert.deepEqual(idsOf(entries), ['directory:/srv/data', 'file:/srv/gone', a, b])
})

test('a node without a record owns nothing that is known; one that was applied owns what its record says', () => {
  assert.equal(ownedOf(), null)
  assert.equal(ownedOf({ applied: null } as Parameters<typeof ownedOf>[0]), null)
  const applied = { manifest: [{ id: 'file:/srv//a', kind: 'file', path: '/srv//a', notify: [] }] }
  assert.deepEqual(idsOf(ownedOf({ applied } as unknown as Parameters<typeof ownedOf>[0]) ?? []), [a])
})
