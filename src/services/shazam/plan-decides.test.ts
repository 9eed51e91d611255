import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from './graph.ts'
import { planLive } from './plan.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

const resources = (text: string, purge?: true | string[]): Graph => ({
  ...graphOf(`resources: [${text}]`),
  ...(purge === undefined ? {} : { purge }),
})
const folder = { type: 'directory' as const, mode: '755' }
const running = { active: 'active', enabled: 'enabled' }

/** A unit that does run, and what is to change before it. */
for (const [text, there, looked] of [
  ['{package: web}, {unit: web, running: true}', {}, false],
  ['{command: make, run: make}, {unit: web, running: true, requires: [command:make]}', {}, false],
  ['{user: web}, {unit: web, running: true, requires: [user:web]}', {}, false],
  ['{file: /etc/web, content: x}, {unit: web, running: true, requires: [file:/etc/web]}', {}, true],
  ['{package: web}, {unit: web, running: true}', { packages: { web: {} } }, true],
] as const)
  test(`a unit is ${looked ? 'what it was found to be' : 'looked at anew'} after ${text}`, () => {
    const graph = withRequires(resources(text.replace(/, requires: \[[^\]]*\]/, '')))
    const plan = planLive(graph, stateFrom({ units: { web: running }, ...there }), [])
    const step = plan.actions.find(({ resource }) => resource === 'unit:web')
    assert.equal(step === undefined, looked, JSON.stringify(plan.changes))
  })

/** The unit needs all that is described before it, as resources of one service with the same name do. */
function withRequires(graph: Graph): Graph {
  const [first] = graph.resources
  return {
    ...graph,
    resources: graph.resources.map((one) =>
      one.kind === 'unit' ? { ...one, requires: [first?.id ?? ''] } : one,
    ),
  }
}

test('a resource is judged with what is owned of it, also under another name', () => {
  const graph = resources('{package: web}')
  const state = stateFrom({ packages: { web: { held: true } } })
  const held = { ...(graph.manifest[0] as Entry), hold: true }
  assert.deepEqual(planLive(graph, state, []).actions, [])
  assert.equal(planLive(graph, state, [held]).actions.length, 1)
  const twin = { ...held, id: 'package:web:amd64', name: 'web:amd64' }
  const native = Object.assign(stateFrom({ packages: { web: { held: true } } }), { native: 'amd64' })
  const plan = planLive(graph, native, [twin])
  assert.deepEqual(
    plan.actions.map(({ resource, removes }) => [resource, removes]),
    [['package:web', false]],
  )
})

const handled = (text: string) =>
  graphOf(`resources: [${text}]
handlers: {tell: {run: 'true'}, other: {run: 'true'}}`)

test('a flush runs what was notified before it, and what a cut apply owes, and nothing else', () => {
  const graph = handled(
    '{file: /a, content: x, notify: tell}, {flush: now}, {file: /b, content: x, notify: other}',
  )
  const flushed = (...pending: string[]) =>
    planLive(graph, stateFrom({ pending }), []).changes.find(({ resource }) => resource === 'flush:now')
      ?.summary
  assert.equal(flushed(), 'now: run x/tell here')
  assert.equal(flushed('x/other'), 'now: run x/other, x/tell here')
})

test('handlers that only what leaves still names are planned as such, once, and those of today as they are', () => {
  const before = handled(
    '{file: /a, content: x, notify: tell}, {file: /b, content: x, notify: [tell, other]}',
  )
  const now = graphOf(`resources: [{file: /c, content: x, notify: other}]
handlers: {other: {run: 'false'}}`)
  const plan = planLive(now, stateFrom({ files: { '/a': {}, '/b': {} } }), before.manifest)
  assert.deepEqual(
    plan.handlers.map(({ id, run, left }) => [id, run, left]),
    [
      ['x/other', 'false', undefined],
      ['x/tell', 'true', true],
    ],
  )
  assert.deepEqual(
    plan.actions.map(({ resource, notify, removes }) => [resource, notify, removes]),
    [
      ['file:/b', ['x/tell', 'x/other'], true],
      ['file:/a', ['x/tell'], true],
      ['file:/c', ['x/other'], false],
    ],
  )
})

test('a plan after the removals plans none again, and keeps for the end what leaves last', () => {
  const data = resources('{directory: /srv/old, keep: true}, {file: /gone, content: x}').manifest
  const graph = resources('{directory: /srv/new, keep: true}, {file: /new, content: x}', true)
  const files = { '/srv/old': folder, '/srv/new': folder, '/gone': {} }
  const first = planLive(graph, stateFrom({ files }), data)
  assert.deepEqual(
    first.actions.map(({ resource, last, removes }) => [resource, last, removes]),
    [
      ['file:/gone', false, true],
      ['file:/new', false, false],
      ['directory:/srv/old', true, true],
    ],
  )
  const second = planLive(graph, stateFrom({ files }), data, first)
  assert.deepEqual(
    second.actions.map(({ resource }) => resource),
    ['file:/new', 'directory:/srv/old'],
  )
  assert.deepEqual(idsOf(second.changes), ['directory:/srv/new', 'file:/new'])
  assert.equal(second.twins, first.twins)
})
const idsOf = (changes: readonly { resource: string }[]) => changes.map(({ resource }) => resource)

test('what apt must know comes before anything leaves', () => {
  const old = resources('{file: /gone, content: x}').manifest
  const graph = resources('{file: /new, content: x}, {package: web, hold: true}')
  const state = stateFrom({ files: { '/gone': {} }, packages: { web: {} } })
  assert.deepEqual(
    planLive(graph, state, old).actions.map(({ resource, first }) => [resource, first]),
    [
      ['package:web', true],
      ['file:/gone', false],
      ['file:/new', false],
    ],
  )
})

test('an action says what is needed before it, what it makes, and how it is taken back', () => {
  const graph = resources('{package: web}, {unit: web, running: true}')
  const [install, start] = planLive(withRequires(graph), stateFrom(), []).actions
  assert.deepEqual([install?.requires, install?.made, install?.undo], [[], true, undefined])
  assert.ok(install && !('undo' in install))
  assert.deepEqual(start?.requires, ['package:web'])
  assert.match(start?.undo ?? '', /systemctl stop -- 'web'|systemctl stop -- web/)
  const found = stateFrom({ packages: { web: {} }, units: { web: { active: 'inactive' } } })
  assert.equal(planLive(graph, found, []).actions[0]?.made, false)
  const leaving = planLive(resources(''), stateFrom({ files: { '/a': {} } }), [
    { ...(resources('{file: /a, content: x}').manifest[0] as Entry), requires: ['file:/b'] },
  ])
  assert.deepEqual(leaving.actions[0]?.requires, [])
})

const verdictOf = (entry: Partial<Entry>, state = stateFrom(), purge?: true | string[]) => {
  const [change] = planLive(resources('', purge), state, [entry as Entry]).changes
  return [change?.verdict, change?.summary] as const
}

test('what was left out of a container leaves as what never was there', () => {
  const [swap] = resources('{swap: /swap, size: 1}').manifest
  const state = stateFrom({ files: { '/swap': { mode: '600' } } })
  assert.deepEqual(verdictOf({ ...swap, skipped: true }, state), ['no change', 'it never was on this node'])
  assert.notEqual(verdictOf({ ...swap }, state)[0], 'no change')
})

test('what was there before stays where its kind gives nothing back, and the plan says so', () => {
  const [group] = resources('{group: staff}').manifest
  const state = stateFrom({ groups: { staff: {} } })
  assert.deepEqual(verdictOf({ ...group, present_before: true }, state), [
    'skipped',
    'it was there before us, and stays',
  ])
  assert.equal(verdictOf({ ...group }, state)[0], 'change')
})

test('a checkout leaves when nothing described is in it, and waits while something is', () => {
  const old = resources('{git_checkout: /srv/c, repo: /tmp/o}').manifest
  const state = stateFrom({ files: { '/srv/c': folder, '/srv/c/.git': folder } })
  const alone = planLive(resources(''), state, old)
  assert.deepEqual([alone.changes[0]?.verdict, alone.waiting], ['change', []])
  const around = planLive(resources('{file: /srv/c/a, content: x}'), state, old)
  assert.deepEqual([around.changes[0]?.verdict, around.waiting], ['skipped', ['git_checkout:/srv/c']])
  assert.match(around.changes[0]?.summary ?? '', /^git_checkout:\/srv\/c stays: /)
})

test('a folder of data that is not there, or is something else, is not planned as one that empties', () => {
  const data = resources('{directory: /srv/old, keep: true}').manifest
  const graph = resources('{directory: /srv/new, keep: true}', true)
  const elsewhere: Record<string, object> = { '/srv/old': { type: 'link', to: '/elsewhere' } }
  for (const files of [{}, elsewhere]) {
    const plan = planLive(graph, stateFrom({ files }), data)
    assert.ok(!plan.actions.some(({ last }) => last), JSON.stringify(plan.changes[0]))
  }
})

test('a command that is described no more leaves nothing behind, and the plan says so', () => {
  const [command] = resources('{command: make, run: make}').manifest
  assert.equal(verdictOf({ ...command })[0], 'no change')
  assert.match(verdictOf({ ...command })[1] ?? '', /^command:make is owned no more$/)
})

test('a plan says how kept data could leave, and only of data that stay', () => {
  const [data] = resources('{directory: /srv/data, keep: true}').manifest
  const there = stateFrom({ files: { '/srv/data': folder } })
  const [verdict, summary] = verdictOf({ ...data }, there)
  assert.equal(verdict, 'skipped')
  assert.match(summary ?? '', /^.+; `purge: \[x\]` in the node removes it for good$/)
  assert.doesNotMatch(verdictOf({ ...data }, there, true)[1] ?? '', /purge/)
  assert.doesNotMatch(verdictOf({ ...data })[1] ?? '', /purge/)
  assert.doesNotMatch(verdictOf({ ...data, present_before: true }, there)[1] ?? '', /purge/)
  assert.doesNotMatch(verdictOf({ ...data, keep: false }, there)[1] ?? '', /purge/)
})

test('an owed handler is pending only when the node says so', () => {
  const graph = handled('{directory: /x, notify: [tell, other]}')
  const state = stateFrom({ files: { '/x': folder }, pending: ['x/other'] })
  assert.deepEqual(planLive(graph, state, graph.manifest).pending, ['x/other'])
})
