import assert from 'node:assert/strict'
import { test } from 'node:test'
import { driftOf } from './drift.ts'
import { movedFields } from './drift-fields.ts'
import { blankState, type State } from './facts/state.ts'
import { emptyGraph, type Graph } from './graph.ts'
import { kindOf } from './resources/index.ts'
import type { Entry, Resource } from './resources/kind.ts'

const none = { requires: [], notify: [] }

function wish(kind: string, name: string, item: Record<string, unknown> = {}): Resource {
  return { kind, ...none, ...kindOf(kind).wish(name, item) } as Resource
}

function graphOf(wishes: Resource[], secrets: string[] = []): Graph {
  const hide = (text: string) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  const manifest = wishes.map(
    (one): Entry => ({ id: one.id, kind: one.kind, notify: [], ...kindOf(one.kind).entry(one, { hide }) }),
  )
  return { ...emptyGraph('web'), resources: wishes, manifest, secrets }
}

const motd = wish('file', '/etc/motd', { content: 'hello\n' }) as Resource & { sha256: string }
const asWished = { type: 'file', mode: '644', owner: 'root', group: 'root', size: 6, to: '' } as const

function withMotd(more: object): State {
  const state = blankState()
  state.files.set('/etc/motd', { ...asWished, sha256: motd.sha256, ...more })
  return state
}

test('what is as it was applied has not drifted', () => {
  const graph = graphOf([motd])
  assert.deepEqual(driftOf(graph, withMotd({}), graph.manifest), [])
})

test('a drift names the fields that moved, before and after', () => {
  const graph = graphOf([motd])
  assert.deepEqual(driftOf(graph, withMotd({ mode: '600', owner: 'bob' }), graph.manifest), [
    { resource: 'file:/etc/motd', attribute: 'mode', before: '644', after: '600' },
    { resource: 'file:/etc/motd', attribute: 'owner', before: 'root', after: 'bob' },
  ])
})

test('a wish that has changed since it was applied is no drift', () => {
  const graph = graphOf([wish('file', '/etc/motd', { content: 'another\n' })])
  assert.deepEqual(driftOf(graph, withMotd({}), graphOf([motd]).manifest), [])
})

test('what is no longer wished, and what was never applied, is no drift', () => {
  const applied = graphOf([motd]).manifest
  assert.deepEqual(driftOf(graphOf([]), withMotd({}), applied), [])
  assert.deepEqual(driftOf(graphOf([motd]), blankState(), []), [])
})

test('security 27: no secret is told, neither in a field nor as a digest that could be guessed', () => {
  const key = wish('file', '/etc/key', { content: 'hunter2\n', secret: true })
  const user = wish('user', 'bob', { comment: 'hunter2' })
  const graph = graphOf([key, user], ['hunter2'])
  const state = blankState()
  state.files.set('/etc/key', { ...asWished, sha256: 'f'.repeat(64) })
  state.users.set('bob', { uid: 1, gid: 1, comment: '', home: '/home/bob', shell: '/bin/bash', groups: [] })
  const drift = driftOf(graph, state, graph.manifest)
  assert.deepEqual(
    drift.map(({ resource, attribute, before }) => [resource, attribute, before]),
    [
      ['file:/etc/key', 'content', '*** as applied'],
      ['user:bob', 'comment', '***'],
    ],
  )
})

const fields: [what: string, Resource, (state: State) => void, string[]][] = [
  ['a file that is gone', motd, () => {}, ['presence present -> absent']],
  [
    'a file that became a directory',
    motd,
    (state) => state.files.set('/etc/motd', { ...asWished, type: 'directory' }),
    ['type file -> directory'],
  ],
  [
    'another content',
    motd,
    (state) => state.files.set('/etc/motd', { ...asWished, sha256: 'abc'.padEnd(64, '0') }),
    [`content sha256 ${motd.sha256.slice(0, 12)} -> sha256 abc000000000`],
  ],
  [
    'a link that leads elsewhere',
    wish('link', '/a', { to: '/b' }),
    (state) => state.files.set('/a', { ...asWished, type: 'link', to: '/c' }),
    ['to /b -> /c'],
  ],
  ['a package that is gone', wish('package', 'cron'), () => {}, ['status installed -> not-installed']],
  [
    'a unit that was stopped and disabled',
    wish('unit', 'cron', { enabled: true, running: true }),
    (state) =>
      state.units.set('cron', {
        id: 'cron.service',
        ends: false,
        unmet: false,
        load: 'loaded',
        sub: 'running',
        active: 'inactive',
        enabled: 'disabled',
        needs_reload: false,
      }),
    ['running true -> inactive', 'enabled true -> disabled'],
  ],
  [
    'another shell',
    wish('user', 'bob', { shell: '/bin/bash' }),
    (state) =>
      state.users.set('bob', {
        uid: 1,
        gid: 1,
        comment: '',
        home: '/home/bob',
        shell: '/bin/sh',
        groups: [],
      }),
    ['shell /bin/bash -> /bin/sh'],
  ],
  ['a group that is gone', wish('group', 'crew'), () => {}, ['presence present -> absent']],
]

for (const [what, resource, prepare, expected] of fields) {
  test(`${what} is told by its fields`, () => {
    const state = blankState()
    prepare(state)
    const said = movedFields(resource, state).map(
      ({ attribute, before, after }) => `${attribute} ${before} -> ${after}`,
    )
    assert.deepEqual(said, expected)
  })
}
