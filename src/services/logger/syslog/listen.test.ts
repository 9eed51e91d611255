import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import type { NodeRecord } from '#contracts/registry.ts'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { logger } from '../index.ts'
import type { SyslogOptions, SyslogPorts } from './listen.ts'

failOnLeaks()

const repo = 'ann/shop'
const record = (node: string, host: string): NodeRecord => ({
  repo,
  node,
  server: { provider: 'ssh', id: host, host, port: 22, user: 'devops', host_keys: [], made_from: {} },
  facts: {},
  applied: null,
  created_at: null,
})

async function start(nodes: NodeRecord[], more: Partial<SyslogOptions> = {}) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts())
  parts.bus.answer('registry.list_nodes', async () => nodes)
  parts.bus.answer('registry.resolve', async () => ({ $secrets: ['hunter2hunter2'] }))
  let ports: SyslogPorts = {}
  const onListen = (found: SyslogPorts) => {
    ports = found
  }
  stack.use(
    await startService(logger, parts, { syslog: { host: '127.0.0.1', tcp: 0, udp: 0, ...more, onListen } }),
  )
  const undo = stack.move()
  /** The lines of the repository, once there are so many. */
  const lines = (count: number) =>
    until(async () => {
      const found = (await parts.bus.ask('logger.query', { repo, limit: 1000 })).lines
      return found.length === count ? found : undefined
    })
  return { ...parts, ports, lines, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

/** util-linux's own syslog client. */
const say = (...args: string[]) =>
  promisify(execFile)('logger', ['--server', '127.0.0.1', '--rfc5424', ...args])

test('what a node sends by TCP and UDP are lines of that node, with program and level, without secrets', async () => {
  await using plane = await start([record('web', '127.0.0.1')])
  const { tcp, udp } = plane.ports
  await say(
    '--tcp',
    '--octet-count',
    '--port',
    String(tcp),
    '--tag',
    'sshd',
    '-p',
    'auth.warning',
    'pass hunter2hunter2 tried',
  )
  await say('--tcp', '--port', String(tcp), '--tag', 'app', 'by line')
  await say('--udp', '--port', String(udp), '--tag', 'cron', '-p', 'cron.err', 'by datagram')
  const lines = await plane.lines(3)
  const seen = lines.map(({ node, service, stream, level, text }) => [
    node,
    service,
    stream,
    level,
    text.replace(/^\[.*?\] /, ''),
  ])
  assert.deepEqual(seen.sort(), [
    ['web', 'app', 'syslog', 'info', 'by line'],
    ['web', 'cron', 'syslog', 'error', 'by datagram'],
    ['web', 'sshd', 'syslog', 'warn', 'pass *** tried'],
  ])
})

test('nodes behind one address are told apart by the name that they give; an address that is no node is counted', async () => {
  await using plane = await start([record('web', '127.0.0.1'), record('db', '127.0.0.1')])
  const socket = createSocket('udp4')
  const send = (text: string, from = socket) =>
    new Promise((done) => from.send(text, plane.ports.udp ?? 0, '127.0.0.1', done))
  await send('<14>1 - db.example.org app - - - from db')
  await send('<14>1 - nobody app - - - from somebody')
  const [line] = await plane.lines(1)
  assert.deepEqual([line?.node, line?.text], ['db', 'from db'])
  socket.close()
  const told = await until(async () => {
    await plane.clock.advance(10_000)
    const found = await plane.bus.ask('logger.query', { repo: 'platform', limit: 10 })
    return found.lines[0]
  })
  assert.equal(
    told.text,
    'syslog: 1 messages from 127.0.0.1 were dropped: this address is no node, or that of several',
  )
})

test('by TLS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'devops-syslog-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'ignore' },
  )
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
  await using plane = await start([record('web', '127.0.0.1')], { tls: { port: 0, key, cert } })
  const socket = connectTls({
    port: plane.ports.tls ?? 0,
    host: '127.0.0.1',
    ca: cert,
    servername: 'localhost',
  })
  const message = '<14>1 - web app - - - sealed line'
  socket.end(`${message.length} ${message}`)
  const [line] = await plane.lines(1)
  assert.equal(line?.text, 'sealed line')
})

test('a stream that is no syslog is closed, and the next one is heard', async () => {
  await using plane = await start([record('web', '127.0.0.1')])
  const bad = connect(plane.ports.tcp ?? 0, '127.0.0.1')
  bad.write('GET / HTTP/1.1\r\n')
  await new Promise((done) => bad.once('close', done).resume())
  await say('--tcp', '--port', String(plane.ports.tcp), 'still there')
  await plane.lines(1)
})

test('a node that sends by TCP while lines cannot be stored loses none, and they stay in order', async () => {
  await using plane = await start([record('web', '127.0.0.1')])
  const transaction = plane.store.transaction.bind(plane.store)
  let refused = 0
  plane.store.transaction = () => {
    refused++
    return Promise.reject(new Error('disk full'))
  }
  const socket = connect(plane.ports.tcp ?? 0, '127.0.0.1')
  const count = 200_000
  const text = Array.from({ length: count }, (_, i) => `<14>1 - web app - - - line ${i}\n`).join('')
  socket.end(text)
  await until(() => refused > 0)
  plane.store.transaction = transaction
  const last = () => plane.bus.ask('logger.query', { repo, limit: 1 })
  await until(async () => {
    await plane.clock.advance(1000)
    return (await last()).lines[0]?.text === `line ${count - 1}`
  })
  assert.equal((await last()).last, count)
})
