import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { openOutbound } from '#kit/outbound.ts'
import { isProblem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { startService } from '#kit/service.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { otlpSink } from '#services/logger/forward/otlp.ts'
import { monitor } from '#services/monitor/index.ts'
import type { ShazamOptions } from '#services/shazam/index.ts'
import { aNode, type Desk, openDesk, record, repo } from '#services/shazam/testing/desk.ts'
import { testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'

const root = resolve(import.meta.dirname, '..')

/** Everything that opens a connection, and who says where to. */
const outbound: Record<string, string> = {
  'src/services/shazam/transport/link.ts': 'SSH to a node: its provider, or a person who links it',
  'src/services/monitor/probe.ts': 'the SSH port of a node, at the address on record',
  'src/services/monitor/identity.ts': 'the same, when its host key is to be seen',
  'src/services/shazam/providers/docker-engine.ts':
    "the container engine: the platform's own, or a credential's",
  'src/services/shazam/providers/docker-networks.ts': 'joins containers to networks of that engine',
  'src/services/logger/forward/otlp.ts': 'an option of the server',
  'src/services/logger/forward/syslog.ts': 'an option of the server',
}

const opens =
  /(?<![.\w])(fetch|connect|connectTls|request|createConnection)\(|\.(connect|createConnection)\(|\b(https?|net|tls)\.(request|get|connect)\(|Http(s)?Agent|from '(undici|node:http2)'/

test('security 19: nothing else opens a connection, so no address of a repository, a webhook or a template is called', () => {
  const files = globSync(['src/{services,kit,bus,store,language}/**/*.ts', 'bin/*.ts'], { cwd: root })
    .map((file) => relative(root, join(root, file)))
    .filter((file) => !/\.(test|bench)\.ts$|\/testing\//.test(file))
  assert.ok(files.length > 200)
  const found = files.filter((file) => opens.test(withoutComments(readFileSync(join(root, file), 'utf8'))))
  assert.deepEqual(found.sort(), Object.keys(outbound).sort())
})

const withoutComments = (text: string): string => text.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '')

/** Something of this machine that trusts whoever comes, and how many came. */
async function listener(
  host = '127.0.0.1',
  server: Server = createServer((socket) => void socket.destroy()),
) {
  let calls = 0
  server.on('connection', () => calls++)
  await new Promise<void>((done) => server.listen(0, host, done))
  return {
    port: (server.address() as AddressInfo).port,
    get calls() {
      return calls
    },
    async [Symbol.asyncDispose]() {
      await new Promise((done) => server.close(done))
    },
  }
}

async function desk(options: Partial<ShazamOptions> = {}) {
  const pair = newKeyPair()
  await using stack = new AsyncDisposableStack()
  const made = stack.use(await openDesk({ publicKey: pair.public, privateKey: new Secret(pair.private) }))
  made.infrastructure.nodes.push(aNode('web'))
  stack.use(await made.start(options))
  const undo = stack.move()
  return { ...made, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const link = ({ bus }: Pick<Desk, 'bus'>, host: string, port: number, jump?: string) =>
  bus.ask('shazam.link', {
    repo,
    node: 'web',
    host,
    port,
    user: 'root',
    password: 'x',
    ...(jump && { jump }),
  })

const refused = (error: unknown) =>
  isProblem(error, 'invalid') && /is not connected to.*--allow-address/.test(error.message)

test('security 19: a link to this machine or its link is refused, however it is written, and nothing is called', async () => {
  await using inner = await listener()
  await using sixth = await listener('::1')
  await using shazam = await desk()
  const [four, six] = [inner.port, sixth.port]
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '0.0.0.0', '127.1', '2130706433', '0x7f000001'])
    await assert.rejects(link(shazam, host, four), refused, host)
  for (const host of ['::1', '::', '0:0:0:0:0:0:0:1', 'localhost'])
    await assert.rejects(link(shazam, host, six), refused, host)
  for (const host of ['::ffff:127.0.0.1', '::ffff:7f00:1', '169.254.169.254', 'fe80::1', 'fd00:ec2::254'])
    await assert.rejects(link(shazam, host, four), refused, host)
  for (const way of [`root@127.0.0.1:${four}`, `root@localhost:${four}`])
    await assert.rejects(link(shazam, '192.0.2.1', 22, way), refused, way)
  assert.deepEqual([inner.calls, sixth.calls], [0, 0])
})

test('security 19: what the server was told to allow is called, and only that', async () => {
  await using inner = await listener()
  await using shazam = await desk({ outbound: openOutbound(['127.0.0.1']) })
  await assert.rejects(link(shazam, '127.0.0.1', inner.port), (error) => isProblem(error, 'unreachable'))
  assert.equal(inner.calls, 1)
  await assert.rejects(link(shazam, '127.0.0.2', inner.port), refused)
  assert.equal(inner.calls, 1)
})

test('security 19: a node whose name leads here now, whatever it meant when it was linked, is neither entered nor probed', async () => {
  await using inner = await listener()
  const at = { id: 'x', port: inner.port, user: 'devops', host_keys: [], made_from: { name: 'ssh' } }
  const rebound = record('web', { provider: 'ssh', host: 'localhost', ...at })
  await using shazam = await desk()
  shazam.records.set('web', rebound)
  const nodes = await shazam.bus.ask('shazam.plan', { repo, live: true, next: shazam.infrastructure })
  assert.match(nodes[0]?.reason ?? '', /localhost \(.*1\) is the platform’s own machine/)

  await using parts = await testParts()
  parts.bus.answer('registry.list_nodes', async () => [rebound])
  parts.bus.answer('registry.get_node', async () => rebound)
  await using _ = await startService(monitor, parts, { interval: 1000 })
  const health = async () => (await parts.bus.ask('monitor.status', { repo }))[0]
  await until(async () => {
    await parts.clock.advance(1000)
    return (await health())?.state === 'down'
  })
  assert.match((await health())?.reason ?? '', /is not connected to/)
  assert.equal(inner.calls, 0)
})

test('security 19: a collector of logs that sends on to another address does not get them there', async () => {
  await using other = await listener(
    '127.0.0.1',
    createHttpServer((_, answer) => void answer.end('{}')),
  )
  for (const status of [301, 302, 307, 308]) {
    const moves = createHttpServer((_, answer) => {
      answer
        .writeHead(status, { location: `http://127.0.0.1:${other.port}/v1/logs`, connection: 'close' })
        .end()
    })
    await using collector = await listener('127.0.0.1', moves)
    await using sink = otlpSink(new URL(`http://127.0.0.1:${collector.port}`))
    const line = { seq: 1, at: 1, repo, level: 'info', text: 'a line', stream: 'platform' } as const
    await assert.rejects(sink.send([line], new AbortController().signal))
    assert.equal(collector.calls, 1, `${status}`)
  }
  assert.equal(other.calls, 0)
})
