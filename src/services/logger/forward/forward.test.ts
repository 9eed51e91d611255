import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Line, NewLine } from '#contracts/logger.ts'
import { startService } from '#kit/service.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { logger } from '../index.ts'
import { Frames } from '../syslog/frames.ts'
import { parseSyslog } from '../syslog/parse.ts'
import { openSink } from './index.ts'
import { encode, otlpSink } from './otlp.ts'
import type { Sink } from './sink.ts'
import { messageOf, syslogSink } from './syslog.ts'

failOnLeaks()

const repo = 'ann/shop'
const line = (text: string): NewLine => ({
  at: 1_767_225_600_000,
  repo,
  stream: 'stdout',
  level: 'info',
  text,
})

async function start(sinks: Sink[], path: string) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts({ path }))
  stack.use(await startService(logger, parts, { sinks }))
  const undo = stack.move()
  const say = (...texts: string[]) => parts.bus.ask('logger.append', { lines: texts.map(line) })
  return { ...parts, say, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

/** Keeps what it is given, unless it is told to fail. */
function memorySink() {
  const texts: string[] = []
  const sink = {
    name: 'memory',
    fails: false,
    texts,
    async send(lines: readonly Line[]) {
      if (sink.fails) throw new Error('is away')
      texts.push(...lines.map(({ text }) => text))
    },
    async [Symbol.asyncDispose]() {},
  }
  return sink
}

function folder(t: { after(act: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'devops-forward-'))
  t.after(() => rmSync(made, { recursive: true }))
  return join(made, 'store.sqlite')
}

test('lines that came while a sink was away reach it when it is back, in order, also after a restart', async (t) => {
  const path = folder(t)
  const sink = memorySink()
  {
    await using plane = await start([sink], path)
    await until(
      async () => (await plane.store.db.selectFrom('logger_forwards').selectAll().execute()).length === 1,
    )
    await plane.say('a', 'b')
    await until(() => sink.texts.length === 2)
    sink.fails = true
    await plane.say('c')
    await plane.clock.advance(5000)
  }
  {
    await using plane = await start([], path)
    await plane.say('d')
  }
  sink.fails = false
  await using plane = await start([sink], path)
  await plane.say('e')
  await until(() => sink.texts.length === 5)
  assert.deepEqual(sink.texts, ['a', 'b', 'c', 'd', 'e'])
})

test('a new sink gets what comes from then on; lines that were removed before they were sent are counted', async (t) => {
  const path = folder(t)
  const sink = memorySink()
  {
    await using plane = await start([], path)
    await plane.say('old')
  }
  {
    await using plane = await start([sink], path)
    await until(
      async () => (await plane.store.db.selectFrom('logger_forwards').selectAll().execute()).length === 1,
    )
    sink.fails = true
    await plane.say('a', 'b', 'c')
  }
  sink.fails = false
  {
    await using plane = await start([], path)
    const { db } = plane.store
    for (const seq of [1, 2, 3])
      await db.deleteFrom('logger_lines').where('repo', '=', repo).where('seq', '=', seq).execute()
  }
  await using _plane = await start([sink], path)
  await until(() => sink.texts.length === 2)
  assert.deepEqual(sink.texts, ['2 lines after number 1 were removed before they could be forwarded', 'c'])
})

const full: Line = {
  seq: 7,
  at: 1_767_225_600_123,
  repo,
  node: 'web',
  task: 'deploy',
  work: 'w1',
  step: 0,
  service: 'app',
  stream: 'stderr',
  level: 'warn',
  text: 'a "b" \x1b[31m\n]',
}

test('a collector gets OTLP; what it refuses is an error that says so', async () => {
  const got: { url?: string; type?: string; body: string }[] = []
  let status = 200
  const server = createHttp(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    got.push({ url: request.url ?? '', type: request.headers['content-type'] ?? '', body })
    response.writeHead(status).end(status === 200 ? '{}' : 'not today')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await using sink = otlpSink(new URL(`http://${address}`))
  const { signal } = new AbortController()
  await sink.send([full], signal)
  assert.deepEqual([got[0]?.url, got[0]?.type], ['/v1/logs', 'application/json'])
  assert.deepEqual(JSON.parse(got[0]?.body ?? ''), encode([full]))
  const [record] = encode([full]).resourceLogs[0]?.scopeLogs[0]?.logRecords ?? []
  assert.deepEqual(
    { ...record, attributes: undefined },
    {
      timeUnixNano: '1767225600123000000',
      severityNumber: 13,
      severityText: 'WARN',
      body: { stringValue: full.text },
      attributes: undefined,
    },
  )
  assert.deepEqual(
    record?.attributes.find(({ key }) => key === 'devops.step'),
    { key: 'devops.step', value: { intValue: '1' } },
  )
  status = 503
  await assert.rejects(sink.send([full], signal), /answered 503: not today/)
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  await assert.rejects(sink.send([full], signal))
})

test('a syslog server gets RFC 5424 with octet counting, and again after it was away', async () => {
  const messages: string[] = []
  const open = async (port = 0) => {
    const server = createServer((socket) => {
      const frames = new Frames()
      socket.on('data', (chunk: Buffer) => messages.push(...frames.push(chunk)))
      server.once('close', () => socket.destroy())
    })
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
    return server
  }
  const server = await open()
  const { port } = server.address() as AddressInfo
  await using sink = syslogSink(new URL(`tcp://127.0.0.1:${port}`))
  const { signal } = new AbortController()
  await sink.send([full, full], signal)
  await until(() => messages.length === 2)
  assert.equal(messages[0], messageOf(full))
  const { level, host, app, text } = parseSyslog(messageOf(full))
  assert.deepEqual([level, host, app], ['warn', 'web', 'app'])
  assert.equal(
    text,
    '[devops@32473 repo="ann/shop" node="web" task="deploy" work="w1" step="1" stream="stderr"] a "b" \\x1b[31m\\x0a]',
  )
  server.emit('close')
  await new Promise((done) => server.close(done))
  await until(() =>
    sink.send([full], signal).then(
      () => false,
      () => true,
    ),
  )
  const next = await open(port)
  await sink.send([full], signal)
  await until(() => messages.length >= 3)
  next.emit('close')
  await new Promise((done) => next.close(done))
})

describe('words of --log-out', () => {
  for (const word of [
    'stdout',
    'otlp=http://127.0.0.1:4318',
    'syslog=tcp://127.0.0.1:601',
    'syslog=tls://[::1]',
  ])
    test(`taken: ${word}`, async () => {
      await using sink = openSink(word)
      assert.ok(sink.name.startsWith(word))
    })
  for (const word of ['', 'file', 'otlp=ftp://x', 'otlp=x', 'syslog=udp://x:1', 'syslog=', 'kafka=tcp://x'])
    test(`refused, with what would be right: ${JSON.stringify(word)}`, () => {
      assert.throws(() => openSink(word), /is no place for log lines: write stdout, otlp=http/)
    })
})
