import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyGraph } from './graph.ts'
import { leavesEmpty, purgeHint, purges, staysKnown } from './keep.ts'
import type { Entry } from './resources/kind.ts'

const entry = (rest: Partial<Entry> = {}): Entry => ({
  id: 'directory:/srv/data',
  kind: 'directory',
  notify: [],
  keep: true,
  from: ['db'],
  ...rest,
})
const purging = (purge: true | string[]) => ({ ...emptyGraph('web'), purge })

test('data that two services keep leave only when both are purged, or all', () => {
  const shared = entry({ from: ['db', 'cache'] })
  assert.equal(purges(purging([]), shared), false)
  assert.equal(purges(purging(['db']), shared), false)
  assert.equal(purges(purging(['cache', 'other']), shared), false)
  assert.equal(purges(purging(['cache', 'db']), shared), true)
  assert.equal(purges(purging(true), shared), true)
})

test('data that are of no service leave only when all is purged', () => {
  for (const from of [[], undefined]) {
    const { from: _, ...bare } = entry()
    const nobodys = from ? entry({ from }) : bare
    assert.equal(purges(purging(['db']), nobodys as Entry), false)
    assert.equal(purges(purging([]), nobodys as Entry), false)
    assert.equal(purges(purging(true), nobodys as Entry), true)
  }
})

test('what leaves and keeps its data stays known, unless it was never ours, is purged, or is not there', () => {
  const graph = purging(['other'])
  assert.equal(staysKnown(graph, entry(), 'skipped'), true)
  assert.equal(staysKnown(graph, entry(), 'change'), true)
  assert.equal(staysKnown(graph, entry(), undefined), true)
  assert.equal(staysKnown(graph, entry({ keep: false }), 'skipped'), false)
  assert.equal(staysKnown(graph, entry({ present_before: true }), 'skipped'), false)
  assert.equal(staysKnown(graph, entry(), 'no change'), false)
  assert.equal(staysKnown(purging(['db']), entry(), 'skipped'), false)
  assert.equal(staysKnown(purging(true), entry(), 'skipped'), false)
})

const moved = (rest: Partial<Entry> = {}) => entry({ id: 'directory:/new', path: '/new', ...rest })

test('what a service kept before stays while the service, or one that shares it, keeps data on the node', () => {
  const shared = entry({ from: ['db', 'cache'] })
  const still = (...manifest: Entry[]) => ({ ...purging(true), manifest })
  assert.equal(purges(still(moved()), shared), false)
  assert.equal(purges(still(moved({ from: ['other', 'cache'] })), shared), false)
  assert.equal(purges(still(moved({ from: ['other'] })), shared), true)
  assert.equal(purges(still(moved({ keep: false })), shared), true)
  assert.equal(purges(still(moved({ from: ['other'] }), moved()), shared), false)
  const { from: _, ...nobodys } = moved()
  assert.equal(purges(still(nobodys as Entry), shared), true)
  const { from: __, ...bare } = entry()
  assert.equal(purges(still(moved()), bare as Entry), true)
})

test('a purged folder whose service keeps its data elsewhere leaves when it is empty, and nothing else does', () => {
  const graph = { ...purging(['db']), manifest: [moved()] }
  assert.equal(leavesEmpty(graph, entry()), true)
  assert.equal(leavesEmpty(graph, entry({ kind: 'file' })), false)
  assert.equal(leavesEmpty(graph, entry({ keep: false })), false)
  assert.equal(leavesEmpty(graph, entry({ present_before: true })), false)
  assert.equal(leavesEmpty(graph, entry({ spent: true })), false)
  assert.equal(leavesEmpty({ ...graph, purge: ['other'] }, entry()), false)
  assert.equal(leavesEmpty({ ...graph, manifest: [] }, entry()), false)
})

test('a plan says how kept data could leave, naming each service, or that one of them still keeps data', () => {
  const of = entry({ from: ['db', 'cache'] })
  assert.equal(purgeHint(purging([]), of), '; `purge: [db, cache]` in the node removes it for good')
  const { from: _, ...nobodys } = entry()
  assert.equal(purgeHint(purging([]), nobodys as Entry), '; `purge: []` in the node removes it for good')
  assert.equal(
    purgeHint({ ...purging([]), manifest: [moved()] }, of),
    ': db, cache still keeps data on this node; remove it by hand when nothing in it is needed',
  )
})
