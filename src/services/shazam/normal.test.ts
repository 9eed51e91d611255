import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile } from './compile.ts'
import { ownedOf } from './manifest.ts'
import { normalId, normalPath, normalUnit } from './normal.ts'
import { planLive } from './plan.ts'
import { planRecorded } from './recorded.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const resources = (text: string) => graphOf(`resources: [${text}]`)
const moved = (changes: readonly { resource: string; verdict: string }[]) =>
  changes.filter(({ verdict }) => verdict !== 'no change').map(({ resource }) => resource)

/** Each written in one way first, and in another one then. */
const spellings: [first: string, then: string][] = [
  ['{file: /etc/dup.conf, content: x}', '{file: /etc//dup.conf, content: x}'],
  ['{file: /etc/dup.conf, content: x}', '{file: /etc/./a/../dup.conf, content: x}'],
  ['{directory: /srv/x}', '{directory: /srv/x/}'],
  ['{directory: /srv/x}', '{directory: //srv/x//}'],
  ['{link: /srv/l, to: /tmp}', '{link: /srv//l, to: /tmp}'],
  ['{line: a b, in: /etc/x y}', '{line: a b, in: /etc//x y}'],
  ['{mount: /mnt/x, device: tmpfs, type: tmpfs}', '{mount: /mnt/x/, device: tmpfs, type: tmpfs}'],
  ['{swap: /swap, size: 1}', '{swap: //swap, size: 1}'],
  ['{archive: /opt/x, base64: eA==}', '{archive: /opt/x/, base64: eA==}'],
  ['{git_checkout: /srv/c, repo: /tmp/o}', '{git_checkout: /srv//c, repo: /tmp/o}'],
  ['{certificate: /etc/c, key: /etc/k, names: [a]}', '{certificate: /etc//c, key: /etc//k, names: [a]}'],
  ['{pip: x, venv: /opt/v}', '{pip: x, venv: /opt/v/}'],
  ['{user: ann, home: /srv/ann}', '{user: ann, home: /srv//ann/}'],
  ['{unit: memcached, enabled: true}', '{unit: memcached.service, enabled: true}'],
  ['{package: redis}', '{package: "redis:any"}'],
  ['{package: redis}', '{package: "redis:native"}'],
]

for (const [first, then] of spellings)
  test(`${then} is ${first}, to a sync and to a push`, () => {
    const before = resources(first)
    const now = resources(then)
    assert.deepEqual(
      now.manifest.map(({ id }) => id),
      before.manifest.map(({ id }) => id),
    )
    assert.deepEqual(moved(planRecorded(now, before.manifest)), [])
    const removes = planLive(now, stateFrom(), before.manifest).actions.filter((action) => action.removes)
    assert.deepEqual(removes, [])
  })

test('what two services spell in two ways is one resource', () => {
  const a = serviceOf(
    'a',
    `resources: [{file: /etc/dup.conf, content: x}, {unit: app, requires: 'file:/etc//dup.conf'}]`,
  )
  const b = serviceOf('b', `resources: [{file: /etc//dup.conf, content: x}, {unit: app.service}]`)
  const graph = compile({ node: nodeOf(['a', 'b']), catalog: [a, b], scope: {}, keys, platformKey })
  assert.deepEqual(
    graph.resources.map(({ id }) => id),
    ['file:/etc/dup.conf', 'unit:app'],
  )
})

test('a manifest of former ids is read as one of today: nothing leaves and nothing comes', () => {
  const now = resources(
    '{unit: memcached, running: true}, {file: /etc/dup.conf, content: x, notify: "restart:memcached"}, {line: a, in: /etc/y}, {user: ann, home: /srv/ann}',
  )
  const former = now.manifest.map((entry): Entry => {
    const spelt: Record<string, Partial<Entry>> = {
      unit: { id: 'unit:memcached.service', name: 'memcached.service' },
      file: { id: 'file:/etc//dup.conf', path: '/etc//dup.conf', notify: ['restart:memcached.service'] },
      line: { id: 'line:/etc/./y a', path: '/etc/./y' },
      user: { home: '/srv/ann/' },
    }
    return { ...entry, ...spelt[entry.kind] }
  })
  const applied = { commit: null, at: 1, work: 'w', manifest: former }
  assert.deepEqual(moved(planRecorded(now, ownedOf({ applied }))), [])
  assert.equal(ownedOf({ applied: null }), null)
})

test('of two former spellings the one that brought the thing says how it was before', () => {
  const entry = (id: string, more: object): Entry => ({
    id,
    kind: 'file',
    path: id.slice(5),
    notify: [],
    ...more,
  })
  const manifest = [entry('file:/etc//x', { present_before: true }), entry('file:/etc/x', {})]
  for (const order of [manifest, manifest.toReversed()])
    assert.deepEqual(
      ownedOf({ applied: { commit: null, at: 1, work: 'w', manifest: order } })?.map((one) => [
        one.id,
        one.present_before,
      ]),
      [['file:/etc/x', undefined]],
    )
})

test('a normal form is its own normal form, and another unit is another unit', () => {
  const parts = fc.array(fc.constantFrom('a', 'b c', '.', '..', '', 'é', 'x:y'), { maxLength: 8 })
  fc.assert(
    fc.property(parts, (words) => {
      const normal = normalPath(`/${words.join('/')}`)
      assert.equal(normalPath(normal), normal)
      assert.match(normal, /^\/([^/]+(\/[^/]+)*)?$/)
      assert.equal(normalId(`file:/${words.join('/')}`), `file:${normal}`)
    }),
  )
  assert.deepEqual(
    ['x.service', 'x', 'x.socket', 'x.socket.service', 'a.b.service', 'a@b.service'].map(normalUnit),
    ['x', 'x', 'x.socket', 'x.socket.service', 'a.b', 'a@b'],
  )
})

/** As earlier versions wrote them: groups are part of a user, and Docker's users are commands. */
const former: Entry[] = [
  { id: 'user:ann', kind: 'user', name: 'ann', system: false, groups: ['games', 'adm'], notify: [] },
  {
    id: 'user:bob',
    kind: 'user',
    name: 'bob',
    system: false,
    groups: ['adm'],
    present_before: true,
    notify: [],
  },
  {
    ...{ id: 'command:let bob use Docker', kind: 'command', name: 'let bob use Docker', user: 'root' },
    ...{ present_before: true, notify: [] },
  },
]

test('groups that an earlier version gave are taken back when they are described no more, and those described stay', () => {
  const owned = ownedOf({ applied: { manifest: former } } as unknown as Parameters<typeof ownedOf>[0]) ?? []
  const state = stateFrom({
    users: { ann: {}, bob: {} },
    groups: { games: { members: ['ann'] }, adm: { members: ['ann', 'bob'] }, docker: { members: ['bob'] } },
  })
  const same = resources(
    '{user: ann, groups: [games, adm]}, {user: bob, groups: [adm]}, {membership: bob, group: docker}',
  )
  assert.deepEqual(moved(planLive(same, state, owned).changes), [])
  assert.deepEqual(moved(planRecorded(same, owned)), [])
  const less = resources('{user: ann, groups: [adm]}, {user: bob}')
  assert.deepEqual(
    planLive(less, state, owned)
      .actions.map(({ script }) => script)
      .toSorted(),
    ['leave_group ann games', 'leave_group bob adm', 'leave_group bob docker'],
  )
})
