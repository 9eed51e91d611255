import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Compile } from 'typebox/compile'
import { events } from '#contracts'
import type { Option } from '#contracts/descriptors.ts'
import { eventTrouble } from './events.ts'
import {
  checkRepository,
  eventMatches,
  formatFindings,
  jsonSchemas,
  nearest,
  parseService,
  readCatalog,
  stepKind,
  withDefaults,
} from './index.ts'

const catalog = readCatalog(join(import.meta.dirname, 'cases', 'catalog'))

describe('an event pattern', () => {
  const matches: [pattern: string, type: string, does: boolean][] = [
    ['node.web.create.success', 'node.web.create.success', true],
    ['node.web.create', 'node.web.create.success', true],
    ['node.web.create', 'node.web.create.start', false],
    ['node.web.create', 'node.web.create.error', false],
    ['task.deploy.run', 'task.deploy.run.success', true],
    ['node.*.update.error', 'node.web.update.error', true],
    ['node.*.update', 'node.web.update.success', true],
    ['node.web-*.create.start', 'node.web-1.create.start', true],
    ['node.web-*.create.start', 'node.db-1.create.start', false],
    ['node.web.*', 'node.web.delete.start', true],
    ['node.web.*', 'node.web.down', true],
    ['node.*', 'node.web.down', true],
    ['node.*', 'task.web.run.start', false],
    ['node.web.down', 'node.web.down', true],
    ['repo.pushed', 'repo.pushed', true],
    ['node.web', 'node.web.down', false],
  ]
  for (const [pattern, type, does] of matches)
    it(`${pattern} ${does ? 'means' : 'does not mean'} ${type}`, () =>
      assert.equal(eventMatches(pattern, type), does))

  it('can name every event of a node or task that the contracts declare, but for waiting', () => {
    const ids = { node: new Set(['x']), task: new Set(['x']) }
    // Waiting is told to who follows, and starts no task.
    const declared = Object.keys(events).filter((name) => /^(node|task)\.(?!\*\.waits$)/.test(name))
    assert.ok(declared.length > 10)
    for (const name of declared) assert.equal(eventTrouble(name.replace('*', 'x'), ids), undefined)
  })
})

describe('a step', () => {
  it('is a line, a script or a command', () => {
    assert.deepEqual(stepKind('ls -l'), { kind: 'inline' })
    assert.deepEqual(stepKind('devops scripts/x.sh'), { kind: 'script', path: 'scripts/x.sh' })
    assert.deepEqual(stepKind('devops ./scripts/a/x.sh'), { kind: 'script', path: 'scripts/a/x.sh' })
    assert.deepEqual(stepKind('  devops  nginx  vhost  add '), {
      kind: 'command',
      service: 'nginx',
      command: 'vhost add',
    })
    assert.deepEqual(stepKind('devopsy scripts/x.sh'), { kind: 'inline' })
    assert.deepEqual(stepKind('devops nginx reload\nls'), { kind: 'inline' })
  })
})

describe('defaults', () => {
  const options: Record<string, Option> = {
    port: { type: 'integer', default: 80 },
    http: { type: 'group', options: { gzip: { type: 'string', default: 'on' }, log: { type: 'string' } } },
    ssl: { type: 'object', options: { file: { type: 'string', default: 'x.pem' } } },
    sites: {
      type: 'array',
      default: [],
      options: { port: { type: 'integer', default: 80 }, ssl: { type: 'boolean' } },
    },
    host: { type: 'string', default: null },
    old: { type: 'string', default: 'x', removed: 'gone' },
  }

  it('fill what is not written, at every depth', () => {
    assert.deepEqual(withDefaults(options, {}), { port: 80, http: { gzip: 'on' }, sites: [], host: null })
    assert.deepEqual(
      withDefaults(options, { port: 0, http: { log: 'a' }, ssl: {}, sites: [{ ssl: true }, { port: 1 }] }),
      {
        port: 0,
        http: { gzip: 'on', log: 'a' },
        ssl: { file: 'x.pem' },
        sites: [{ port: 80, ssl: true }, { port: 1 }],
        host: null,
      },
    )
  })

  it('leave what was given and the catalog untouched', () => {
    const written = Object.freeze({ sites: Object.freeze([Object.freeze({ port: 1 })]) })
    const result = withDefaults(options, written) as { sites: unknown[] }
    result.sites.push(1)
    assert.deepEqual(withDefaults(options, {}).sites, [])
  })

  it('stand for an empty value, and let a template stand', () => {
    assert.deepEqual(withDefaults(options, { port: null, http: '{{ a }}' }), {
      port: 80,
      http: '{{ a }}',
      sites: [],
      host: null,
    })
  })
})

describe('the nearest name', () => {
  it('is one that was probably meant, or none', () => {
    assert.equal(nearest('ngnix', ['apache', 'nginx']), 'nginx')
    assert.equal(nearest('wb', ['db', 'web']), 'web')
    assert.equal(nearest('Nginx', ['nginx']), 'nginx')
    assert.equal(nearest('postgres', ['nginx']), undefined)
    assert.equal(nearest('a', ['b']), undefined)
  })
})

describe('a file', () => {
  const judge = (content: string) =>
    formatFindings(checkRepository([{ path: 'nodes/web.yml', content }], { catalog }).findings)

  it('that makes the parser go deeper than its stack is refused', () => {
    const lines = judge(`: ${'id: '.repeat(3000)}`)
    assert.match(lines[0] ?? '', /^nodes\/web\.yml:1:\d+ is (nested more than 64 levels|not valid YAML)/)
    assert.ok(lines.length <= 10)
  })

  it('is complained about in lines that can be read', () => {
    for (const content of [`a: *${'x'.repeat(5000)}`, `a: !${'x'.repeat(5000)} b`, `${'k'.repeat(5000)}: 1`])
      for (const line of judge(content)) assert.ok(line.length < 2100, line.slice(0, 80))
  })

  it('is complained about two hundred times at most', () => {
    assert.ok(judge('twice: 1\n'.repeat(5000)).length <= 210)
  })
})

describe('a service', () => {
  it('has empty lists and maps where nothing is written', () => {
    const { service, findings } = parseService('x', { 'service.yml': 'title: X\n', 'templates/a.conf': 'a' })
    assert.deepEqual(findings, [])
    assert.deepEqual(service, {
      id: 'x',
      title: 'X',
      tags: [],
      requires: [],
      options: {},
      commands: {},
      resources: [],
      handlers: {},
      facts: {},
      templates: { 'a.conf': 'a' },
    })
  })
})

describe('the JSON Schemas', () => {
  const schemas = jsonSchemas(catalog)

  it('accept what people write and refuse what they may not', () => {
    const node = Compile(schemas.node)
    const good = { id: 'web', type: 'server', provider: { name: 'docker' }, services: ['nginx'] }
    assert.ok(node.Check(good))
    assert.ok(
      node.Check({ ...good, configuration: { nginx: { worker_processes: 2, http: { gzip: 'off' } } } }),
    )
    assert.ok(node.Check({ ...good, configuration: { nginx: { worker_processes: '{{ n }}' } } }))
    assert.ok(!node.Check({ ...good, configuration: { nginx: { worker_processes: 0 } } }))
    assert.ok(!node.Check({ ...good, configuration: { nginx: { workers: 1 } } }))
    assert.ok(!node.Check({ ...good, id: 'a.b' }))
    const task = Compile(schemas.task)
    assert.ok(task.Check({ id: 't', type: 'task', targets: ['web'], steps: [{ run: 'ls' }] }))
    assert.ok(
      task.Check({ id: 't', type: 'task', triggers: { crons: ['0 5 * * *'] }, steps: [{ run: 'ls' }] }),
    )
    assert.ok(!task.Check({ id: 't', type: 'task', steps: [] }))
    const service = Compile(schemas.service)
    assert.ok(
      service.Check({ title: 'X', options: { a: { type: 'group', options: { b: { type: 'integer' } } } } }),
    )
    assert.ok(!service.Check({ title: 'X', options: { a: { type: 'text' } } }))
  })

  it('are plain JSON', () => assert.deepEqual(JSON.parse(JSON.stringify(schemas)), schemas))
})
