import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { NodeRecord } from '#contracts/registry.ts'
import { openOutbound } from '#kit/outbound.ts'
import { startService } from '#kit/service.ts'
import { fingerprintOfLine } from '#kit/ssh-algorithms.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { collectEvents, type TestParts, testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { type MonitorOptions, monitor } from './index.ts'

failOnLeaks()

const interval = 15_000
/** Of the fake clock: it may run far ahead of a real connection. */
const patient = 3_600_000
const repo = 'ann/shop'

/** A TCP server on loopback. */
async function listen(greet: (socket: Socket) => void, port = 0) {
  const sockets = new Set<Socket>()
  const seen = { now: 0, most: 0, total: 0 }
  const server = createServer((socket) => {
    seen.total++
    seen.most = Math.max(seen.most, ++seen.now)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      seen.now--
      sockets.delete(socket)
    })
    greet(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const sshd = (port?: number) => listen((socket) => socket.write('SSH-2.0-test\r\n'), port)

/** A real one, as far as its host key. */
async function identified(pair: { private: string }, port = 0) {
  const clients = new Set<{ end(): unknown }>()
  const server = new ssh2.Server({ hostKeys: [pair.private] }, (client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function withKey(node: string, port: number, pair: { public: string }): NodeRecord {
  const made = record(node, port)
  if (made.server) made.server.host_keys = [fingerprintOfLine(pair.public) ?? '']
  return made
}

const record = (node: string, port: number | null): NodeRecord => ({
  repo,
  node,
  server:
    port === null
      ? null
      : { provider: 'ssh', id: node, host: '127.0.0.1', port, user: 'devops', host_keys: [], made_from: {} },
  facts: {},
  applied: null,
  created_at: null,
})

const outbound = openOutbound(['127.0.0.1', 'localhost'])

/** A monitor over a registry that says what `nodes` says. */
async function start(nodes: Map<string, NodeRecord>, options: MonitorOptions = {}, path?: string) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts(path === undefined ? {} : { path }))
  const { bus } = parts
  stack.defer(bus.answer('registry.list_nodes', async () => [...nodes.values()]))
  stack.defer(bus.answer('registry.get_node', async ({ node }) => nodes.get(node) ?? record(node, null)))
  const events = collectEvents(bus, ['node.*.up', 'node.*.down'])
  stack.use(await startService(monitor, parts, { interval, timeout: patient, outbound, ...options }))
  const undo = stack.move()
  return { ...parts, events, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const status = async ({ bus }: Pick<TestParts, 'bus'>, node: string) =>
  (await bus.ask('monitor.status', { repo })).find((health) => health.node === node)

const synced = {
  name: 'web',
  subject: `${repo}/web`,
  data: { repo, node: 'web', work: 'w', commit: null, attempt: 1, changed: 0, ms: 0 },
}

const listOf = (...records: NodeRecord[]) => new Map(records.map((each) => [each.node, each]))

/** Lets time pass until `check` holds; probes themselves take real time. */
const pass = ({ clock }: TestParts, check: () => Promise<unknown>) =>
  until(async () => {
    await clock.advance(1000)
    return check()
  })

test('a node that greets is up; after two failed probes it is down, for the reason of the last one, and then up again, told once each', async () => {
  const nodes = listOf()
  await using plane = await start(nodes)
  let port = 0
  {
    await using server = await sshd()
    port = server.port
    nodes.set('web', record('web', port))
    await plane.bus.publish('node.*.create.success', {
      name: 'web',
      subject: `${repo}/web`,
      data: { repo, node: 'web', work: 'w', commit: null, attempt: 1, changed: 0, ms: 0 },
    })
    await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
    const health = await status(plane, 'web')
    assert.equal(health?.reason, null)
    assert.ok(health?.checked_at !== null && health?.latency !== null)
  }
  const before = (await status(plane, 'web'))?.checked_at
  await pass(plane, async () => (await status(plane, 'web'))?.checked_at !== before)
  assert.equal((await status(plane, 'web'))?.state, 'up', 'one failure is no outage')
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'down')
  assert.equal(
    (await status(plane, 'web'))?.reason,
    `127.0.0.1 port ${port}: the connection is refused: nothing listens there`,
  )
  {
    await using _ = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), port)
    await pass(plane, async () =>
      /before an SSH banner came/.test((await status(plane, 'web'))?.reason ?? ''),
    )
  }
  await using _ = await sshd(port)
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  await until(() => plane.events.length === 3)
  assert.deepEqual(
    plane.events.map(({ type }) => type),
    ['node.web.up', 'node.web.down', 'node.web.up'],
  )
})

test('another machine that has got the address of a node is not taken for it, and is told by its key', async () => {
  const [own, other] = [newKeyPair(), newKeyPair()]
  const nodes = listOf()
  await using plane = await start(nodes)
  let port = 0
  {
    await using server = await identified(own)
    port = server.port
    nodes.set('web', withKey('web', port, own))
    await plane.bus.publish('node.*.create.success', synced)
    await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  }
  const before = (await status(plane, 'web'))?.checked_at
  await pass(plane, async () => (await status(plane, 'web'))?.checked_at !== before)
  await using _ = await identified(other, port)
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'down')
  const [shown, pinned] = [other, own].map((pair) => fingerprintOfLine(pair.public))
  assert.equal(
    (await status(plane, 'web'))?.reason,
    `127.0.0.1 port ${port}: another machine answers there: it shows ${shown}, this node has ${pinned}`,
  )
  // Somebody trusts the new key.
  nodes.set('web', withKey('web', port, other))
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
})

test('of two nodes at one address only the one whose key is shown there is up, though it never fell silent', async () => {
  const [former, present] = [newKeyPair(), newKeyPair()]
  const nodes = listOf()
  await using plane = await start(nodes)
  let port = 0
  {
    await using server = await identified(former)
    port = server.port
    nodes.set('web', withKey('web', port, former))
    await plane.bus.publish('node.*.create.success', synced)
    await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  }
  // No time passes: no probe has seen it gone.
  await using _ = await identified(present, port)
  nodes.set('new', withKey('new', port, present))
  await plane.bus.publish('node.*.create.success', {
    ...synced,
    name: 'new',
    subject: `${repo}/new`,
    data: { ...synced.data, node: 'new' },
  })
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'down')
  await pass(plane, async () => (await status(plane, 'new'))?.state === 'up')
  assert.match(String((await status(plane, 'web'))?.reason), /another machine answers there/)
})

test('a node that has moved without an event is followed when it does not answer any more', async () => {
  const pair = newKeyPair()
  const nodes = listOf()
  await using plane = await start(nodes, { relist: 1000 * patient })
  {
    await using server = await identified(pair)
    nodes.set('web', withKey('web', server.port, pair))
    await plane.bus.publish('node.*.create.success', synced)
    await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  }
  await using server = await identified(pair)
  nodes.set('web', withKey('web', server.port, pair))
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'unknown')
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  assert.ok(plane.events.every(({ type }) => type === 'node.web.up'))
})

test('a server behind another is not said to be down for not answering here', async () => {
  await using server = await sshd()
  const behind = record('behind', 1)
  if (behind.server) behind.server.jump = { node: 'gate' }
  await using plane = await start(listOf(behind, record('gate', server.port)))
  await pass(plane, async () => (await status(plane, 'gate'))?.state === 'up')
  await plane.clock.advance(10 * interval)
  assert.equal(await status(plane, 'behind'), undefined)
  assert.ok(plane.events.every(({ type }) => type === 'node.gate.up'))
})

test('a port that is open but silent, or speaks otherwise, is no SSH server', async () => {
  await using silent = await listen(() => {})
  await using other = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await using endless = await listen((socket) => socket.write('x'.repeat(10_000)))
  await using plane = await start(
    listOf(record('silent', silent.port), record('other', other.port), record('endless', endless.port)),
    { timeout: 5_000 },
  )
  const reasonOf = async (node: string) => (await status(plane, node))?.reason
  await pass(
    plane,
    async () => (await reasonOf('silent')) && (await reasonOf('other')) && reasonOf('endless'),
  )
  assert.match(String(await reasonOf('silent')), /no SSH banner within 5 s/)
  assert.match(String(await reasonOf('other')), /closed before an SSH banner came/)
  assert.match(String(await reasonOf('endless')), /no SSH server/)
})

test('lines before the banner are allowed', async () => {
  await using server = await listen((socket) => socket.write('welcome\r\nSSH-2.0-test\r\n'))
  await using plane = await start(listOf(record('web', server.port)))
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
})

test('at most so many probes run at once, and never two of one node', async () => {
  await using server = await listen(() => {})
  const nodes = Array.from({ length: 9 }, (_, i) => record(`n${i}`, server.port))
  await using plane = await start(listOf(...nodes), { concurrency: 3 })
  await pass(plane, async () => server.seen.most >= 3)
  for (let i = 0; i < 20; i++) await plane.clock.advance(1000)
  assert.equal(server.seen.most, 3)
  assert.equal(server.seen.total, 3)
})

test('a node that is deleted is looked at no more', async () => {
  await using server = await sshd()
  const nodes = listOf(record('web', server.port))
  await using plane = await start(nodes)
  await pass(plane, async () => (await status(plane, 'web'))?.state === 'up')
  nodes.delete('web')
  await plane.bus.publish('node.*.delete.success', {
    name: 'web',
    subject: `${repo}/web`,
    data: { repo, node: 'web', work: 'w', commit: null, attempt: 1, changed: 0, ms: 0 },
  })
  await until(async () => (await status(plane, 'web')) === undefined)
  const { total } = server.seen
  await plane.clock.advance(5 * interval)
  assert.equal(server.seen.total, total)
})

test('a state survives a restart and is not announced again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'devops-monitor-'))
  t.after(() => rm(folder, { recursive: true }))
  await using server = await sshd()
  const nodes = listOf(record('web', server.port))
  for (const expected of [1, 0]) {
    await using plane = await start(nodes, {}, join(folder, 'store.sqlite'))
    if (expected === 0) assert.equal((await status(plane, 'web'))?.state, 'up')
    await pass(plane, async () => (await status(plane, 'web'))?.checked_at)
    await until(() => plane.events.length >= expected)
    assert.equal(plane.events.length, expected)
  }
})

test('a registry that answers later is asked again', async () => {
  await using server = await sshd()
  await using parts = await testParts()
  await using _ = await startService(monitor, parts, { interval, timeout: patient, outbound })
  const nodes = listOf(record('web', server.port))
  const undo = [
    parts.bus.answer('registry.list_nodes', async () => [...nodes.values()]),
    parts.bus.answer('registry.get_node', async ({ node }) => nodes.get(node) ?? record(node, null)),
  ]
  await pass(parts, async () => (await status(parts, 'web'))?.state === 'up')
  for (const each of undo) await each()
})
