import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { startRegistry } from './testing/registry.ts'

failOnLeaks()

const repo = 'ann/shop'
const [first, second] = ['a'.repeat(40), 'b'.repeat(40)]

const node = (id: string, vars: object): Node => ({
  id,
  type: 'server',
  provider: { name: 'ssh' },
  services: {},
  configuration: {},
  vars: { ...vars },
})

const saying = (nodes: Node[], taskVars: object = {}): Infrastructure => ({
  repo,
  commit: first,
  nodes,
  tasks: [
    {
      id: 'deploy',
      type: 'task',
      vars: { ...taskVars },
      triggers: { webhooks: [], crons: [], events: [] },
      targets: ['web'],
      steps: [{ run: 'true' }],
    },
  ],
  scripts: {},
  services: [],
})

test('the history of a variable tells commits, runs and people apart', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  const key = { repo, scope: 'node:web', name: 'color' }
  const history = async () =>
    (await bus.ask('registry.variable_history', key)).map(({ value, unset, written, set_by, source }) =>
      [unset ? '(unset)' : value, written, set_by, source && `${source.kind} ${source.id.slice(0, 3)}`].join(
        ' ',
      ),
    )
  const push = async (before: string | null, after: string, by: string, vars: object) => {
    plane.answer(saying([node('web', vars)]))
    await bus.publish('repo.pushed', { subject: repo, data: { repo, branch: 'main', before, after, by } })
  }
  await push(null, first, 'ann', { color: 'red', other: 1 })
  await until(async () => (await history()).length === 1)
  await bus.ask('registry.set_variable', { ...key, value: 'blue', by: 'bob' })
  await bus.ask('registry.set_variable', {
    ...key,
    value: 'green',
    by: 'bob',
    source: { kind: 'run', id: 'r123' },
  })
  await bus.ask('registry.unset_variable', { ...key, by: 'eve' })
  assert.deepEqual(await history(), [
    '(unset) false eve ',
    'green false bob run r12',
    'blue false bob ',
    'red true ann commit aaa',
  ])
})

test('a push remembers what it rewrote and took away, and nothing that stayed', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  const undo: Record<string, Infrastructure> = {
    [first]: saying([node('web', { color: 'red', same: [1] })], { gone: true }),
    [second]: saying([node('web', { color: '{{ vars.x }}', same: [1] })]),
  }
  plane.answerBy((commit) => undo[commit ?? second])
  await bus.publish('repo.pushed', {
    subject: repo,
    data: { repo, branch: 'main', before: first, after: second, by: 'ann' },
  })
  const values = async (scope: string, name: string) =>
    (await bus.ask('registry.variable_history', { repo, scope, name })).map(({ value, unset }) =>
      unset ? '(unset)' : value,
    )
  await until(async () => (await values('task:deploy', 'gone')).length === 1)
  assert.deepEqual(await values('node:web', 'color'), ['{{ vars.x }}'])
  assert.deepEqual(await values('node:web', 'same'), [])
  assert.deepEqual(await values('task:deploy', 'gone'), ['(unset)'])
})

test('an address is told as a node and a task see it, with where its value comes from', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  plane.answer(
    saying([node('web', { color: 'red', url: 'x-{{ secrets.token }}' }), node('db', {})], {
      color: '{{ web.vars.color }}ish',
    }),
  )
  const set = (scope: string, value: unknown) =>
    bus.ask('registry.set_variable', { repo, scope, name: 'color', value, by: 'ann' })
  await set('repo', 'blue')
  await bus.ask('registry.set_secret', {
    repo,
    name: 'token',
    value: 'hunter2hunter2',
    rotate: false,
    by: 'ann',
  })
  const get = async (address: string, place: { node?: string; task?: string } = {}) => {
    const { value, from } = await bus.ask('registry.get_value', { repo, address, ...place })
    return [value, from && `${from.written ? 'written' : 'set'} ${from.scope}`]
  }
  await bus.publish('repo.pushed', {
    subject: repo,
    data: { repo, branch: 'main', before: null, after: first, by: 'ann' },
  })
  await until(async () => (await get('color', { node: 'web' }))[1] !== null)
  assert.deepEqual(await get('color'), ['blue', 'set repo'])
  assert.deepEqual(await get('vars.color'), ['blue', 'set repo'])
  assert.deepEqual(await get('color', { node: 'db' }), ['blue', 'set repo'])
  assert.deepEqual(await get('color', { node: 'web' }), ['red', 'written node:web'])
  assert.deepEqual(await get('web.vars.color'), ['red', 'written node:web'])
  assert.deepEqual(await get('color', { node: 'web', task: 'deploy' }), ['redish', 'written task:deploy'])
  assert.deepEqual(await get('web.vars.url'), ['x-***', 'written node:web'])
  assert.deepEqual(await get('web.name'), ['web', null])
  await assert.rejects(get('db.ip'), /db\.ip is not known yet: node db has no server/)
  await assert.rejects(get('colour'), /unknown variable "colour", did you mean "color"\?$/)
  for (const address of ['vars.colour', 'color.ip', 'color.facts.os', 'web.vars.colour'])
    await assert.rejects(get(address), { code: 'invalid' }, address)
  await assert.rejects(get('secrets.token'), /secrets\.token is shown to nobody/)
  await assert.rejects(get('passwords["x"]'), /address/)
})

test('a variable is one of its repository, scope and name: neighbours keep theirs, whatever is set or unset beside them', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  const key = { repo, scope: 'repo', name: 'color' }
  const neighbours = [
    { ...key, repo: 'bob/shop' },
    { ...key, scope: 'node:web' },
    { ...key, name: 'size' },
  ]
  const set = (key: { repo: string; scope: string; name: string }, value: string) =>
    bus.ask('registry.set_variable', { ...key, value, by: 'ann' })
  const list = async (repo: string) =>
    (await bus.ask('registry.list_variables', { repo })).map(
      ({ scope, name, value }) => `${scope} ${name} ${value}`,
    )
  const versions = async (key: { repo: string; scope: string; name: string }) =>
    (await bus.ask('registry.variable_history', key)).map(({ value }) => value)

  for (const neighbour of neighbours) await set(neighbour, 'kept')
  await set(key, 'red')
  await set(key, 'blue')
  assert.deepEqual(await list(repo), ['node:web color kept', 'repo color blue', 'repo size kept'])
  assert.deepEqual(await list('bob/shop'), ['repo color kept'])
  await bus.ask('registry.unset_variable', { ...key, by: 'ann' })
  assert.deepEqual(await list(repo), ['node:web color kept', 'repo size kept'])
  assert.deepEqual(await list('bob/shop'), ['repo color kept'])
  assert.deepEqual(await versions(key), [null, 'blue', 'red'])
  for (const neighbour of neighbours) assert.deepEqual(await versions(neighbour), ['kept'])
})
