import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Node, Service, Task } from '#contracts/descriptors.ts'
import type { NodeRecord, Unresolved, Variable } from '#contracts/registry.ts'
import { isProblem } from '#kit/problem.ts'
import { buildScope, buildScopes, type Viewer } from './scope-tree.ts'

const repo = 'ann/shop'

const nginx: Service = {
  id: 'nginx',
  title: 'nginx',
  tags: [],
  requires: ['openssl'],
  options: {
    port: { type: 'integer', default: 80 },
    http: { type: 'group', options: { gzip: { type: 'string', default: 'on' }, name: { type: 'string' } } },
    hosts: { type: 'array', default: [] },
  },
  commands: {},
  resources: [],
  handlers: {},
  templates: {},
  facts: {},
}
const openssl: Service = {
  ...nginx,
  id: 'openssl',
  requires: [],
  options: { bits: { type: 'integer', default: 2048 } },
}
const base: Service = {
  ...openssl,
  id: 'base',
  base: true,
  options: { zone: { type: 'string', default: 'UTC' } },
}

const node = (
  id: string,
  options: Record<string, unknown> = {},
  vars: Record<string, unknown> = {},
): Node => ({
  id,
  type: 'server',
  provider: { name: 'ssh' },
  services: { nginx: '*' },
  configuration: { nginx: options },
  vars,
})

const task = (vars: Record<string, unknown>): Task => ({
  id: 'deploy',
  type: 'task',
  vars,
  triggers: { webhooks: [], crons: [], events: [] },
  targets: [],
  steps: [{ run: 'true' }],
})

const record = (id: string, host: string, facts: Record<string, unknown> = {}): NodeRecord => ({
  repo,
  node: id,
  server: { provider: 'ssh', id: host, host, port: 22, user: 'devops', host_keys: [], made_from: {} },
  facts,
  applied: null,
  created_at: null,
})

const variable = (scope: string, name: string, value: unknown): Variable => ({
  repo,
  scope,
  name,
  value,
  set_at: 0,
  set_by: 'ann',
  source: null,
})

interface Given {
  nodes: Node[]
  tasks?: Task[]
  records?: NodeRecord[]
  variables?: Variable[]
}

const scope = (given: Given, viewer: Viewer = {}) => buildScope(sources(given), viewer)

function sources({ nodes, tasks = [], records = [], variables = [] }: Given) {
  const infrastructure: Infrastructure = { repo, commit: null, nodes, tasks, scripts: {}, services: [] }
  const sealed = { secrets: new Map(), passwords: new Map(), hidden: [] }
  return { infrastructure, records, variables, catalog: [nginx, openssl, base], ...sealed }
}

const pick = (tree: unknown, address: string): unknown =>
  address.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], tree)

test('a node has its address, facts, variables, and the options of all its services with defaults', () => {
  const tree = scope({
    nodes: [node('web', { http: { gzip: 'off' } }, { color: 'red' })],
    records: [record('web', '192.0.2.1', { pub_key: 'k' })],
  })
  assert.deepEqual(tree, {
    vars: {},
    secrets: {},
    passwords: {},
    $secrets: [],
    $unresolved: [],
    web: {
      id: 'web',
      name: 'web',
      ip: '192.0.2.1',
      pub_key: 'k',
      facts: { pub_key: 'k' },
      configuration: {
        nginx: { port: 80, http: { gzip: 'off' }, hosts: [] },
        openssl: { bits: 2048 },
        base: { zone: 'UTC' },
      },
      vars: { color: 'red' },
    },
  })
})

test('values are rendered after those that they use, over nodes and in any order, and keep their type', () => {
  const tree = scope({
    nodes: [
      node(
        'web',
        { port: '{{ db.configuration.nginx.port }}', hosts: ['{{ db.ip }}', { of: '{{ label }}' }] },
        { label: '{{ db.vars.label }}!' },
      ),
      node(
        'db',
        { port: '{{ web.configuration.openssl.bits }}' },
        { label: '{{ prefix }}-{{ id }}', id: '{{ db.id }}' },
      ),
    ],
    records: [record('db', '192.0.2.2')],
    variables: [variable('repo', 'prefix', 'shop')],
  })
  assert.deepEqual(tree.$unresolved, [])
  assert.equal(pick(tree, 'web.configuration.nginx.port'), 2048)
  assert.deepEqual(pick(tree, 'web.configuration.nginx.hosts'), ['192.0.2.2', { of: 'shop-db!' }])
})

test('what was set is a value: braces in it are never rendered', () => {
  const tree = scope({
    nodes: [node('web', { http: { name: '{{ text }}' } }, { text: 'written' })],
    variables: [variable('node:web', 'text', '{{ web.ip }}')],
  })
  assert.equal(pick(tree, 'web.configuration.nginx.http.name'), '{{ web.ip }}')
  assert.equal(pick(tree, 'web.vars.text'), '{{ web.ip }}')
  assert.deepEqual(tree.$unresolved, [])
})

test('what is not known yet is left out and says what it waits for, and so does all that uses it', () => {
  const tree = scope({
    nodes: [
      node('web', { http: { name: 'db={{ db.ip }}' }, hosts: ['a', '{{ db.pub_key }}'] }),
      node('lb', {
        http: { name: '{{ web.configuration.nginx.http.name }}' },
        hosts: ['{{ db.ip | default: "none" }}'],
      }),
      node('db'),
    ],
  })
  assert.deepEqual(pick(tree, 'web.configuration.nginx'), { port: 80, http: { gzip: 'on' } })
  assert.deepEqual(pick(tree, 'lb.configuration.nginx'), { port: 80, http: { gzip: 'on' }, hosts: ['none'] })
  const noServer = 'db.ip is not known yet: node db has no server'
  assert.deepEqual(tree.$unresolved, [
    { node: 'web', at: 'configuration.nginx.http.name', reason: noServer, waits_for: 'db.ip' },
    {
      node: 'web',
      at: 'configuration.nginx.hosts.1',
      reason: 'db.pub_key is not known yet: node db was never synced',
      waits_for: 'db.pub_key',
    },
    {
      node: 'lb',
      at: 'configuration.nginx.http.name',
      reason: `web.configuration.nginx.http.name is not known: ${noServer}`,
      waits_for: 'db.ip',
    },
  ])
})

test('what will never be known says so', () => {
  const tree = scope({ nodes: [node('web', { http: { name: '{{ nothing.here }}' } })] })
  const [found] = tree.$unresolved as Unresolved[]
  assert.equal(found?.waits_for, null)
  assert.match(found?.reason ?? '', /unknown variable/)
})

test('values that use each other in a circle are refused by name', () => {
  const nodes = [
    node('web', { http: { name: '{{ db.configuration.nginx.http.name }}' } }),
    node('db', { http: { name: '{{ label }}' } }, { label: '{{ web.configuration.nginx.http.name }}' }),
  ]
  assert.throws(
    () => scope({ nodes }),
    (error) =>
      isProblem(error, 'invalid') &&
      error.message.includes(
        'in a circle: web.configuration.nginx.http.name → db.configuration.nginx.http.name → db.vars.label → web.configuration.nginx.http.name',
      ),
  )
})

test('nodes that use each other without a circle are no circle', () => {
  const tree = scope({
    nodes: [
      node('web', { http: { name: '{{ db.configuration.nginx.port }}' } }),
      node('db', { hosts: ['{{ web.configuration.nginx.port }}'] }),
    ],
  })
  assert.deepEqual(
    [pick(tree, 'web.configuration.nginx.http.name'), pick(tree, 'db.configuration.nginx.hosts')],
    [80, [80]],
  )
})

/** docs/variables.md: from the one that wins to the one that loses. */
const places: [string, Partial<Given>][] = [
  ['the task: set', { variables: [variable('task:deploy', 'color', 'task set')] }],
  ['the task: written', { tasks: [task({ color: '{{ "task" }} written' })] }],
  ['the node: set', { variables: [variable('node:web', 'color', 'node set')] }],
  ['the node: written', { nodes: [node('web', {}, { color: '{{ "node" }} written' })] }],
  ['the repository: set', { variables: [variable('repo', 'color', 'repo set')] }],
]

for (const [i, [place]] of places.entries())
  test(`precedence: ${place} wins over all below it`, () => {
    const present = places.slice(i).map(([, given]) => given)
    const tree = scope(
      {
        nodes: present.find(({ nodes }) => nodes)?.nodes ?? [node('web')],
        tasks: present.find(({ tasks }) => tasks)?.tasks ?? [task({})],
        variables: present.flatMap(({ variables = [] }) => variables),
      },
      { node: 'web', task: 'deploy' },
    )
    assert.equal(tree.color, place.replace('the ', '').replace('repository', 'repo').replace(':', ''))
  })

test('in a configuration a bare name is the node’s own, else the repository’s, never the task’s', () => {
  const given = {
    nodes: [
      node('web', { http: { name: '{{ color }}' } }, { color: 'web' }),
      node('db', { http: { name: '{{ color }}' } }),
    ],
    tasks: [task({ color: 'task' })],
    variables: [variable('repo', 'color', 'repo')],
  }
  const tree = scope(given, { node: 'web', task: 'deploy' })
  assert.equal(pick(tree, 'web.configuration.nginx.http.name'), 'web')
  assert.equal(pick(tree, 'db.configuration.nginx.http.name'), 'repo')
  assert.equal(pick(tree, 'vars.color'), 'task')
  assert.equal(pick(scope(given), 'vars.color'), 'repo')
})

test('vars.NAME is what the bare name is, also for another order of rendering', () => {
  const tree = scope({
    nodes: [
      node('web', { http: { name: '{{ vars.color }}' } }, { color: '{{ vars.tone }} red', tone: 'dark' }),
    ],
    variables: [variable('repo', 'color', 'repo')],
  })
  assert.equal(pick(tree, 'web.configuration.nginx.http.name'), 'dark red')
})

test('a node’s name stands before a variable of that name; the variable keeps its full address', () => {
  const tree = scope({ nodes: [node('web')], variables: [variable('repo', 'web', 'a variable')] })
  assert.equal(pick(tree, 'web.id'), 'web')
  assert.equal(pick(tree, 'vars.web'), 'a variable')
})

test('a task’s variables may use the node’s and wait like all others', () => {
  const given = {
    nodes: [node('web', {}, { color: 'red' })],
    tasks: [task({ shade: 'dark {{ color }}', at: '{{ web.ip }}' })],
  }
  const tree = scope(given, { node: 'web', task: 'deploy' })
  assert.equal(tree.shade, 'dark red')
  assert.ok(!('at' in tree))
  assert.deepEqual(tree.$unresolved, [
    {
      node: 'web',
      at: 'vars.at',
      reason: 'web.ip is not known yet: node web has no server',
      waits_for: 'web.ip',
    },
  ])
})

test('many nodes asked for at once see what each of them sees alone, and one that is gone harms none', () => {
  const given = {
    nodes: [node('web', {}, { color: 'red', shade: '{{ color }}dish' }), node('db'), node('idle')],
    tasks: [task({ tone: 'dark {{ color }}', at: '{{ db.ip }}' })],
    records: [record('web', '192.0.2.1')],
    variables: [variable('repo', 'color', 'blue'), variable('node:db', 'size', 3)],
  }
  const many = buildScopes(sources(given), ['web', 'db', 'gone'], 'deploy')
  const views = many.$views as Record<string, unknown>
  assert.deepEqual(Object.keys(views), ['web', 'db'])
  for (const id of ['web', 'db']) assert.deepEqual(views[id], scope(given, { node: id, task: 'deploy' }).vars)
  assert.equal(pick(views, 'web.tone'), 'dark red')
  assert.equal(pick(views, 'db.tone'), 'dark blue')
  assert.deepEqual(
    (many.$unresolved as Unresolved[]).map(({ node, at }) => [node, at]),
    [
      ['web', 'vars.at'],
      ['db', 'vars.at'],
    ],
  )
  assert.deepEqual([many.color, many.vars], ['blue', { color: 'blue' }])
})

test('a node or task that is not there is named', () => {
  assert.throws(() => scope({ nodes: [] }, { node: 'web' }), /There is no node web in ann\/shop/)
  assert.throws(() => scope({ nodes: [] }, { task: 'deploy' }), /There is no task deploy in ann\/shop/)
})

test('the descriptors and the catalog are left as they were', () => {
  const nodes = [node('web', { hosts: ['{{ web.id }}'] })]
  const before = structuredClone([nodes, nginx])
  scope({ nodes })
  assert.deepEqual([nodes, nginx], before)
})
