import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { Server } from '#contracts/registry.ts'
import { isProblem } from '#kit/problem.ts'
import { openSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { collectEvents, testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { registry } from './index.ts'

failOnLeaks()

const repo = 'ann/shop'
const server = (host: string): Server => ({
  provider: 'ssh',
  id: host,
  host,
  port: 22,
  user: 'devops',
  host_keys: [],
  made_from: {},
})

async function start(folder?: string) {
  await using stack = new AsyncDisposableStack()
  const home = folder ?? (await mkdtemp(join(tmpdir(), 'devops-registry-')))
  if (folder === undefined) stack.defer(() => rm(home, { recursive: true }))
  const parts = stack.use(await testParts(folder === undefined ? {} : { path: join(home, 'store.sqlite') }))
  const masterKeyFile = join(home, 'master.key')
  stack.use(await startService(registry, parts, { catalog: [], seal: openSeal(masterKeyFile) }))
  const undo = stack.move()
  return { ...parts, masterKeyFile, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('a node without record has an empty one; what is not written stays', async () => {
  await using plane = await start()
  const { bus } = plane
  const empty = { repo, node: 'web', server: null, facts: {}, applied: null, created_at: null }
  assert.deepEqual(await bus.ask('registry.get_node', { repo, node: 'web' }), empty)
  assert.deepEqual(await bus.ask('registry.list_nodes', { repo }), [])
  await bus.ask('registry.record_node', { repo, node: 'web', server: server('192.0.2.1'), created_at: 5 })
  await bus.ask('registry.record_node', { repo, node: 'web', facts: { os: 'debian' } })
  const record = await bus.ask('registry.get_node', { repo, node: 'web' })
  assert.deepEqual(record, { ...empty, server: server('192.0.2.1'), facts: { os: 'debian' }, created_at: 5 })
  assert.deepEqual(await bus.ask('registry.list_nodes', {}), [record])
})

test('an older work, or an older attempt of the same work, writes no more, also after the node was forgotten', async () => {
  await using plane = await start()
  const write = (work: string, attempt: number) =>
    plane.bus.ask('registry.record_node', { repo, node: 'web', facts: { work }, fence: { work, attempt } })
  const isFenced = (error: unknown) => isProblem(error, 'fenced')
  await write('b', 1)
  await write('b', 2)
  await assert.rejects(write('b', 1), isFenced)
  await assert.rejects(write('a', 9), isFenced)
  await write('c', 1)
  await assert.rejects(
    plane.bus.ask('registry.forget_node', { repo, node: 'web', fence: { work: 'b', attempt: 3 } }),
    isFenced,
  )
  await plane.bus.ask('registry.forget_node', { repo, node: 'web', fence: { work: 'd', attempt: 1 } })
  await assert.rejects(write('c', 2), isFenced)
  assert.deepEqual(await plane.bus.ask('registry.list_nodes', { repo }), [])
  await write('e', 1)
  assert.equal((await plane.bus.ask('registry.list_nodes', { repo })).length, 1)
})

test('each address that moved is announced to the nodes that used it, and to who used these', async () => {
  await using plane = await start()
  const { bus } = plane
  const events = collectEvents(bus, ['var.changed'])
  const told = () => events.map(({ data }) => `${data.address}: ${data.nodes.join(' ')}`)
  await bus.ask('registry.record_node', { repo, node: 'web', uses: ['db.ip', 'vars.color'] })
  await bus.ask('registry.record_node', { repo, node: 'lb', uses: ['web.configuration.nginx.port'] })
  await bus.ask('registry.record_node', { repo, node: 'ci', uses: ['db.facts', 'dbx.ip', 'color'] })
  await bus.ask('registry.record_node', {
    repo,
    node: 'db',
    server: server('192.0.2.1'),
    facts: { os: { name: 'debian', version: 12 }, pub_key: 'k' },
  })
  await until(() => events.length === 4)
  assert.deepEqual(told(), ['db.facts.os: ci', 'db.facts.pub_key: ci', 'db.ip: lb web', 'db.pub_key: '])

  events.length = 0
  await bus.ask('registry.record_node', { repo, node: 'db', server: server('192.0.2.1') })
  await bus.ask('registry.record_node', {
    repo,
    node: 'db',
    facts: { os: { name: 'debian', version: 13 }, pub_key: 'k' },
  })
  await bus.ask('registry.set_variable', { repo, scope: 'repo', name: 'color', value: 'red', by: 'ann' })
  await bus.ask('registry.set_variable', { repo, scope: 'node:ci', name: 'color', value: 'blue', by: 'ann' })
  for (const id of ['lb', 'web'])
    await bus.ask('registry.set_variable', {
      repo,
      scope: `node:${id}`,
      name: 'color',
      value: 'blue',
      by: 'ann',
    })
  await until(() => events.length === 5)
  assert.deepEqual(told(), [
    'db.facts.os.version: ci',
    'vars.color: ci lb web',
    'ci.vars.color: ci',
    'lb.vars.color: ',
    'web.vars.color: lb web',
  ])
  assert.deepEqual(await bus.ask('registry.used_by', { repo, address: 'db' }), ['ci', 'lb', 'web'])
  assert.deepEqual(await bus.ask('registry.used_by', { repo: 'ann/blog', address: 'db' }), [])
})

test('a variable keeps its type and its history', async () => {
  await using plane = await start()
  const { bus, clock } = plane
  const events = collectEvents(bus, ['var.changed'])
  const key = { repo, scope: 'repo', name: 'workers' }
  const first = clock.now()
  const set = (value: unknown, by: string) => bus.ask('registry.set_variable', { ...key, value, by })
  for (const value of [4, 4, '4', [1, { a: null }], null]) await set(value, 'ann')
  await clock.advance(1000)
  await bus.ask('registry.unset_variable', { ...key, by: 'bob' })
  await assert.rejects(
    bus.ask('registry.unset_variable', { ...key, by: 'bob' }),
    /There is no variable workers/,
  )
  const byHand = { written: false, source: null }
  const line = (value: unknown) => ({ value, unset: false, set_at: first, set_by: 'ann', ...byHand })
  assert.deepEqual(await bus.ask('registry.variable_history', key), [
    { value: null, unset: true, set_at: first + 1000, set_by: 'bob', ...byHand },
    ...[null, [1, { a: null }], '4', 4].map(line),
  ])
  assert.deepEqual(await bus.ask('registry.list_variables', { repo }), [])
  await until(() => events.length === 5)
  await assert.rejects(
    bus.ask('registry.set_variable', { ...key, name: 'secrets', value: 1, by: 'ann' }),
    /another name/,
  )
})

test('a repository has one platform key, which is nowhere in plain', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-registry-'))
  t.after(() => rm(folder, { recursive: true }))
  const seen: string[] = []
  for (const _ of [1, 2]) {
    await using plane = await start(folder)
    const ask = () => plane.bus.ask('registry.platform_key', { repo })
    for (const pair of await Promise.all([ask(), ask()])) seen.push(pair.public_key, pair.private_key)
    assert.equal((await stat(plane.masterKeyFile)).mode & 0o777, 0o600)
  }
  assert.equal(new Set(seen).size, 2)
  const parsed = ssh2.utils.parseKey(seen[1] ?? '')
  assert.ok(!(parsed instanceof Error))
  assert.equal(`ssh-ed25519 ${parsed.getPublicSSH().toString('base64')} devo.ps ${repo}`, seen[0])
  const middle = seen[1]?.split('\n')[3] ?? ''
  assert.ok(middle.length > 30)
  for (const file of ['store.sqlite', 'store.sqlite-wal'])
    assert.ok(!(await readFile(join(folder, file), 'latin1').catch(() => '')).includes(middle))
})

test('a sealed key that was moved to another repository does not open', async () => {
  await using plane = await start()
  await plane.bus.ask('registry.platform_key', { repo })
  await plane.store.db.updateTable('registry_platform_keys').set({ repo: 'bob/blog' }).execute()
  await assert.rejects(plane.bus.ask('registry.platform_key', { repo: 'bob/blog' }), /does not open/)
})

test('a master key that is gone, another, or readable by others stops the start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-registry-'))
  t.after(() => rm(folder, { recursive: true }))
  const { masterKeyFile } = await (async () => {
    await using plane = await start(folder)
    return plane
  })()
  await chmod(masterKeyFile, 0o644)
  await assert.rejects(start(folder), /can be read by others \(mode 644\)/)
  await chmod(masterKeyFile, 0o600)
  process.env.DEVOPS_MASTER_KEY = Buffer.alloc(32, 7).toString('base64')
  t.after(() => {
    delete process.env.DEVOPS_MASTER_KEY
  })
  await assert.rejects(start(folder), /the master key is another/)
  process.env.DEVOPS_MASTER_KEY = 'short'
  await assert.rejects(start(folder), /must be 32 bytes in base64/)
  delete process.env.DEVOPS_MASTER_KEY
  await rm(masterKeyFile)
  await assert.rejects(start(folder), /is gone, and the store was sealed with it/)
})

test('a repository that is deleted leaves nothing to a later one of its name', async () => {
  await using plane = await start()
  const { bus } = plane
  const { public_key } = await bus.ask('registry.platform_key', { repo })
  await bus.ask('registry.set_variable', { repo, scope: 'repo', name: 'color', value: 'red', by: 'ann' })
  await bus.publish('repo.deleted', { subject: repo, data: { repo, by: 'ann' } })
  await until(async () => (await bus.ask('registry.list_variables', { repo })).length === 0)
  assert.notEqual((await bus.ask('registry.platform_key', { repo })).public_key, public_key)
})

test('a push that moves an option is announced to the other nodes that used it', async () => {
  await using plane = await start()
  const { bus } = plane
  const [before, after] = ['a'.repeat(40), 'b'.repeat(40)]
  const undo = bus.answer('git.infrastructure', async ({ commit }) => ({
    repo,
    commit: commit ?? null,
    nodes: [
      {
        id: 'web',
        type: 'server' as const,
        provider: { name: 'ssh' },
        services: {},
        configuration: { nginx: { port: commit === before ? 80 : 81, user: 'www' } },
        vars: {},
      },
    ],
    tasks: [],
    scripts: {},
    services: [],
  }))
  const events = collectEvents(bus, ['var.changed'])
  for (const node of ['web', 'lb'])
    await bus.ask('registry.record_node', { repo, node, uses: ['web.configuration.nginx.port'] })
  await bus.ask('registry.record_node', { repo, node: 'ci', uses: ['web.configuration.nginx.user'] })
  await bus.publish('repo.pushed', {
    subject: repo,
    data: { repo, branch: 'main', before, after, by: 'ann' },
  })
  await until(() => events.length > 0)
  assert.deepEqual(
    events.map(({ data }) => data),
    [{ repo, address: 'web.configuration.nginx.port', nodes: ['ci', 'lb'], by: 'ann', work: null }],
  )
  await undo()
})
