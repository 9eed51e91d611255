import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLive } from './plan.ts'
import { planRecorded } from './recorded.ts'
import { catalogGraph, graphOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const resources = (text: string, scope = {}) => graphOf(`resources: [${text}]`, {}, scope)
const told = (changes: { resource: string; verdict: string }[]) =>
  changes
    .filter(({ verdict }) => verdict !== 'no change')
    .map(({ resource, verdict }) => `${verdict} ${resource}`)

test('what was recorded as applied is no change, without a look at the node', () => {
  const graph = catalogGraph(['nginx'], { nginx: { vhosts: [{ id: 'a', routes: [] }] } })
  assert.deepEqual(told(planRecorded(graph, graph.manifest)), [])
})

test('a push is told what differs from the record, with a diff', () => {
  const before = catalogGraph(['nginx'])
  const after = catalogGraph(['nginx'], { nginx: { worker_processes: 8 } })
  const changes = planRecorded(after, before.manifest).filter(({ verdict }) => verdict === 'change')
  assert.deepEqual(
    changes.map(({ resource, summary }) => [resource, summary]),
    [['file:/etc/nginx/nginx.conf', 'change file:/etc/nginx/nginx.conf: content']],
  )
  assert.match(changes[0]?.diff ?? '', /-worker_processes 4;\n\+worker_processes 8;/)
})

test('what is wished no more leaves in reverse order, before anything comes', () => {
  const old = resources('{user: ann}, {directory: /srv/a}, {file: /srv/a/b, content: x}')
  const graph = resources('{file: /new, content: x}')
  const state = stateFrom({ users: { ann: {} }, files: { '/srv/a': { type: 'directory' }, '/srv/a/b': {} } })
  const expected = ['file:/srv/a/b', 'directory:/srv/a', 'user:ann', 'file:/new']
  assert.deepEqual(
    planLive(graph, state, old.manifest).actions.map(({ resource }) => resource),
    expected,
  )
  assert.deepEqual(
    planRecorded(graph, old.manifest).map(({ resource }) => resource),
    expected,
  )
})

test('a folder leaves after what was kept in it, though that is older than the wish for the folder', () => {
  const old = resources('{directory: /srv/a/site, keep: true}, {directory: /srv/a}, {directory: /srv}')
  const kept = old.manifest.map((entry) => (entry.keep ? { ...entry, kept: true } : entry))
  const graph = { ...resources('{file: /new, content: x}'), purge: true as const }
  const folder = { type: 'directory' as const }
  const state = stateFrom({ files: { '/srv': folder, '/srv/a': folder, '/srv/a/site': folder } })
  const expected = ['directory:/srv/a/site', 'directory:/srv/a', 'directory:/srv', 'file:/new']
  for (const order of [kept, kept.toReversed(), [kept[1], kept[0], kept[2]]])
    assert.deepEqual(
      planLive(graph, state, order as typeof kept).actions.map(({ resource }) => resource),
      expected,
    )
})

test('a folder leaves after the users whose homes are in it, whichever was described first', () => {
  const folder = { type: 'directory' as const }
  const state = stateFrom({
    users: { eve: { home: '/srv/p/eve' } },
    files: { '/srv/p': folder, '/srv/p/eve': folder },
  })
  for (const text of [
    '{user: eve, home: /srv/p/eve}, {directory: /srv/p}',
    '{directory: /srv/p}, {user: eve, home: /srv/p/eve}',
  ])
    assert.deepEqual(
      planLive(resources(''), state, resources(text).manifest).actions.map(({ resource }) => resource),
      ['user:eve', 'directory:/srv/p'],
      text,
    )
})

test('what was there before us stays when it is wished no more', () => {
  const old = resources('{package: git}, {user: ann}, {directory: /srv/a}').manifest.map((entry) => ({
    ...entry,
    present_before: true,
  }))
  const state = stateFrom({
    packages: { git: {} },
    users: { ann: {} },
    files: { '/srv/a': { type: 'directory' } },
  })
  const plan = planLive(resources(''), state, old)
  assert.deepEqual(plan.actions, [])
  assert.ok(plan.changes.every(({ verdict }) => verdict === 'skipped'))
})

test('a container is spared what belongs to its host, and its record says so', () => {
  const graph = catalogGraph(['server'], { server: { swap: { enable: true } } })
  const plan = planLive(graph, stateFrom({ system: { container: true } }), [])
  assert.equal(plan.changes.find(({ resource }) => resource === 'swap:/swapfile')?.verdict, 'skipped')
  assert.ok(!plan.actions.some(({ kind }) => kind === 'swap'))
})

test('a handler that a cut apply owes is run though nothing else is to be done', () => {
  const graph = graphOf(`resources: [{directory: /x, notify: tell}]
handlers: {tell: {run: 'true'}}`)
  const state = stateFrom({
    files: { '/x': { type: 'directory', mode: '755' } },
    pending: ['x/tell', 'gone/reload'],
  })
  const plan = planLive(graph, state, graph.manifest)
  assert.deepEqual([plan.actions, plan.pending], [[], ['x/tell']])
})

test('security 27: no plan shows a secret', () => {
  const scope = { secrets: { token: 'canary-7f3a' } }
  const graph = resources(
    `{file: /x, content: "a {{ secrets.token }}"}, {command: use, run: 'x {{ secrets.token }}'}`,
    scope,
  )
  const state = stateFrom({ files: { '/x': { sha256: 'other' } }, contents: { '/x': 'b canary-7f3a' } })
  const live = planLive(graph, state, []).changes
  assert.ok(live.some(({ diff }) => diff?.includes('***')))
  for (const { summary, diff } of [...live, ...planRecorded(graph, null)])
    assert.ok(!`${summary}${diff}`.includes('canary'))
})
