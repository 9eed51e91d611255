import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile } from './compile.ts'
import { inOrder } from './order.ts'
import { catalog, catalogGraph, graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'

const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return String((error as { data?: { reason?: string } }).data?.reason ?? error)
  }
  return 'accepted'
}

test('the same input gives the same bytes', () => {
  const configuration = { nginx: { vhosts: [{ id: 'a', routes: [{ uri: '/', type: 'static' }] }] } }
  const once = JSON.stringify(catalogGraph(['nginx', 'git'], configuration))
  assert.equal(JSON.stringify(catalogGraph(['git', 'nginx'], structuredClone(configuration))), once)
})

test('whatever requires what, each comes after all that it requires, else in the order given', () => {
  const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 30 }).map((edges) =>
    edges.map((requires, at) => ({
      id: String(at),
      requires: at === 0 ? [] : [...new Set(requires.map((to) => String(to % at)))],
    })),
  )
  fc.assert(
    fc.property(graph, fc.infiniteStream(fc.nat()), (items, random) => {
      assert.deepEqual(inOrder(items), items)
      const mixed = items.map((item) => [random.next().value, item] as const).toSorted((a, b) => a[0] - b[0])
      const ordered = inOrder(mixed.map(([, item]) => item)).map(({ id }) => id)
      for (const { id, requires } of items)
        for (const other of requires) assert.ok(ordered.indexOf(other) < ordered.indexOf(id))
    }),
  )
})

test('a cycle is refused with its path', () => {
  const text = `resources:
  - {directory: /a, requires: 'directory:/b'}
  - {directory: /b, requires: 'directory:/c'}
  - {directory: /c, requires: 'directory:/a'}`
  assert.equal(
    refusal(() => graphOf(text)),
    'a cycle of requirements: directory:/a needs directory:/b needs directory:/c needs directory:/a',
  )
})

test('folders, owners and packages come first without being named', () => {
  const graph = graphOf(`resources:
  - {package: nginx}
  - {file: /srv/x/y/z, content: x, owner: ann}
  - {directory: /srv/x}
  - {user: ann}
  - {unit: nginx, running: true}`)
  const requires = Object.fromEntries(graph.resources.map((wish) => [wish.id, wish.requires]))
  assert.deepEqual(requires['file:/srv/x/y/z'], ['package:nginx', 'directory:/srv/x', 'user:ann'])
  assert.deepEqual(requires['unit:nginx'], ['package:nginx', 'file:/srv/x/y/z'])
  assert.deepEqual(
    graph.resources.map(({ id }) => id),
    ['package:nginx', 'directory:/srv/x', 'user:ann', 'file:/srv/x/y/z', 'unit:nginx'],
  )
})

test('mistakes are told with what would be right', () => {
  const of = (text: string) => refusal(() => graphOf(`resources: [${text}]`))
  assert.match(of('{pakage: nginx}'), /unknown kind of resource .*did you mean "package"\?/)
  assert.match(of('{file: /x, contnt: y}'), /unknown key of file "contnt", did you mean "content"\?/)
  assert.match(of('{file: relative, content: x}'), /file must be: absolute path/)
  assert.match(of('{file: "/a\\nb", content: x}'), /absolute path/)
  assert.match(of('{package: "nginx; id"}'), /package name/)
  assert.match(of('{file: /x, content: x, mode: "rw"}'), /mode .*octal/)
  assert.match(of('{file: /x, template: none}'), /unknown template "none"; it would be templates\/none/)
  assert.match(of('{file: /x, content: x, notify: relod}'), /unknown handler "relod"/)
  assert.match(of('{file: /x, content: x, requires: "file:/y"}'), /requires file:\/y, which is not there/)
  assert.match(of('{for: x of y, file: /x}'), /for is written as `name in list`/)
  assert.match(
    of('{file: /x, content: a}, {line: b, in: /x}'),
    /line:\/x b is a line of a file that is wished whole/,
  )
  assert.match(
    of('{file: /x, content: a}, {file: /x, content: b}'),
    /file:\/x is wished in two ways, by service x and by service x/,
  )
})

test('the same wish of two services is one', () => {
  const a = serviceOf('a', 'resources: [{package: curl}]')
  const b = serviceOf('b', 'resources: [{package: curl}]')
  const graph = compile({ node: nodeOf(['a', 'b']), catalog: [a, b], scope: {}, keys, platformKey })
  assert.deepEqual(
    graph.resources.map(({ id }) => id),
    ['package:curl'],
  )
})

test('what a template gave must fit its option like what is written', () => {
  const scope = { vars: { n: 'many' } }
  const wrong = () => catalogGraph(['nginx'], { nginx: { worker_processes: '{{ vars.n }}' } }, scope)
  assert.match(
    refusal(wrong),
    /node web, configuration.nginx.worker_processes: must be a whole number, got "many"/,
  )
})

test('a value of nginx cannot end its directive', () => {
  const scope = { vars: { name: 'a; include /etc/shadow' } }
  const vhosts = [{ id: 'a', domain: '{{ vars.name }}', routes: [] }]
  assert.match(
    refusal(() => catalogGraph(['nginx'], { nginx: { vhosts } }, scope)),
    /vhosts.0.domain: must match/,
  )
})

test('a value in a command of a resource stays one inert word', () => {
  const graph = graphOf(
    `resources: [{command: c, run: 'echo {{ vars.x }}'}]`,
    {},
    { vars: { x: `'; rm -rf / #` } },
  )
  assert.equal((graph.resources[0] as unknown as { run: string }).run, `echo ''\\''; rm -rf / #'`)
})

test('secrets are in no manifest', () => {
  const graph = graphOf(
    `resources: [{file: /x, content: 'key {{ secrets.token }}'}, {file: /y, content: open}]`,
    {},
    { secrets: { token: 'canary-7f3a' } },
  )
  assert.ok(!JSON.stringify(graph.manifest).includes('canary'))
  assert.deepEqual(
    graph.manifest.map(({ content }) => content),
    [undefined, 'open'],
  )
})

test('wherever a resource takes a secret, its manifest has a digest: the same for the same, another for another', () => {
  const places = [
    "{user: ann, comment: '{{ secrets.token }}'}",
    "{mount: /mnt/x, device: d, type: cifs, options: 'password={{ secrets.token }}'}",
    "{kernel_value: kernel.x, value: '{{ secrets.token }}'}",
    "{git_checkout: /srv/c, repo: 'https://{{ secrets.token }}@host/x'}",
    `{archive: /srv/a, url: 'https://host/{{ secrets.token }}', sha256: '${'0'.repeat(64)}'}`,
    "{pip: x, from: 'https://{{ secrets.token }}@host/x'}",
    "{command: c, run: 'use {{ secrets.token }}'}",
    "{file: /x, content: 'key {{ secrets.token }}', notify: told}",
    "{host: h, ip: 10.0.0.1, aliases: ['{{ secrets.token }}']}",
  ]
  for (const place of places) {
    const of = (token: string) =>
      JSON.stringify(
        graphOf(
          `resources: [${place}]\nhandlers: {told: {run: 'tell {{ secrets.token }}'}, other: {run: 'true'}}`,
          {},
          { secrets: { token } },
        ).manifest,
      )
    assert.ok(!/canary|7f3a/.test(of('canary-7f3a')), place)
    assert.equal(of('canary-7f3a'), of('canary-7f3a'))
    assert.notEqual(of('canary-7f3a'), of('another-7f3a'), place)
  }
})

test('addresses of other values are told, not what a service says of itself', () => {
  const node = nodeOf(['nginx'], { nginx: { vhosts: [{ id: 'a', domain: '{{ db.ip }}', routes: [] }] } })
  const graph = compile({ node, catalog, scope: { db: { ip: '10.0.0.2' } }, keys, platformKey })
  assert.deepEqual(graph.uses, ['db.ip'])
})

test('packages that several items name in any order are no cycle', () => {
  const rule = (name: string) => `{sudoers: ${name}, content: "ann ALL=ALL"}`
  const one = serviceOf(
    'one',
    `resources: [{package: aa}, {package: bb}, {package: aa}, ${rule('x')}, {package: bb}, ${rule('y')}]`,
  )
  const two = serviceOf('two', 'resources: [{package: bb}, {package: sudo}, {package: aa}]')
  const node = nodeOf(['one', 'two'])
  assert.deepEqual(
    compile({ node, catalog: [one, two], scope: {}, keys, platformKey }).resources.map(({ id }) => id),
    ['package:aa', 'package:bb', 'package:sudo', 'file:/etc/sudoers.d/x', 'file:/etc/sudoers.d/y'],
  )
})

test('conditions, loops and types', () => {
  const service = serviceOf(
    'x',
    `options: {sites: {type: object, default: {a: 1, b: 2}}, on: {type: boolean, default: false}, size: {type: integer, default: 5}}
resources:
  - if: x.on
    file: /off
    content: ''
  - for: site in x.sites
    if: site.value > 1
    resources: [{file: '/etc/{{ site.key }}', content: '{{ node.id }} {{ site.value }}'}]
  - swap: /swap
    size: '{{ x.size }}'`,
  )
  const { resources } = compile({ node: nodeOf(['x']), catalog: [service], scope: {}, keys, platformKey })
  assert.deepEqual(
    resources.map(({ id }) => id),
    ['file:/etc/b', 'swap:/swap'],
  )
  assert.deepEqual(
    resources.map((each) => (each as { content?: string }).content),
    ['web 2', undefined],
  )
})

test('a secret in a unit, or among the arguments of a program, is refused without its value, with what to do', () => {
  const scope = { secrets: { token: 'canary-7f3a' } }
  const unit = (line: string) =>
    refusal(() =>
      graphOf(`resources: [{unit: app, content: "[Service]\\n${line}{{ secrets.token }}\\n"}]`, {}, scope),
    )
  for (const line of ['Environment=TOKEN=', 'Environment=A=b \\\\\\n TOKEN=', 'ExecStart=/bin/app --token '])
    assert.match(
      unit(line),
      /^(Environment|ExecStart)= of \/etc\/systemd\/system\/app.service holds a secret: .*EnvironmentFile/,
    )
  assert.match(
    refusal(() =>
      graphOf(
        `resources: [{unit: nginx, drop_ins: {more: "[Service]\\nEnvironment=A={{ secrets.token }}\\n"}}]`,
        {},
        scope,
      ),
    ),
    /nginx\.service\.d\/more\.conf holds a secret/,
  )
  const programs = [
    { name: 'worker', command: '/bin/worker {{ secrets.token }}', user: 'root', autostart: true },
  ]
  assert.match(
    refusal(() => catalogGraph(['supervisord'], { supervisord: { programs } }, scope)),
    /^command= of \/etc\/supervisor\/conf\.d\/worker\.conf holds a secret: .*give it in env$/,
  )
})

test('a secret in the name of a resource is refused', () => {
  const scope = { secrets: { token: 'canary-7f3a' } }
  assert.equal(
    refusal(() => graphOf(`resources: [{directory: '/srv/{{ secrets.token }}'}]`, {}, scope)),
    'the name of a resource (directory:/srv/***) holds a secret, and names are shown',
  )
})
