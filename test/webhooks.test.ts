import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { test } from 'node:test'
import examples from '@octokit/webhooks-examples' with { type: 'json' }
import { sql } from 'kysely'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import type { Output } from '#contracts'
import type { Webhook } from '#contracts/descriptors.ts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import { api } from '#services/api/index.ts'
import { aTask, tip } from '#services/tasker/testing/descriptors.ts'
import { REPO, World } from '#services/tasker/testing/world.ts'
import { until } from '#testing/until.ts'

/** Deliveries over HTTP to a real API and tasker, on a real bus and store. */

interface Sent {
  status: number
  body: Record<string, unknown>
  headers: Headers
}

interface Hooks extends AsyncDisposable {
  world: World
  url: string
  send(path: string, init?: RequestInit): Promise<Sent>
  deliveries(): Promise<Output<'tasker.list_deliveries'>>
}

const secret = randomBytes(24).toString('base64')
const MIB = 1024 * 1024

async function startHooks(webhooks: Webhook[], run = 'echo {{ payload }}'): Promise<Hooks> {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await World.open())
  world.resolved = { vars: {}, secrets: { hook: secret } }
  const task = aTask('deploy', [{ run }], { webhooks })
  world.tips.set(REPO, tip(1, ['web'], [task, aTask('other', ['ls'])]))
  let url = ''
  const { bus, store, clock } = world
  const onListen = ({ port }: { port: number }) => {
    url = `http://127.0.0.1:${port}`
  }
  const options = { port: 0, schemas: () => ({}), onListen }
  stack.use(await startService(api, { bus, store, clock, log: silentLog }, options))
  const undo = stack.move()
  return {
    world,
    url,
    async send(path, init) {
      const answer = await fetch(url + path, { method: 'POST', ...init })
      return { status: answer.status, body: (await answer.json()) as Sent['body'], headers: answer.headers }
    },
    deliveries: () => bus.ask('tasker.list_deliveries', { repo: REPO, limit: 100 }),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

const HOOK = `/hooks/${REPO}/deploy`
const json = { 'content-type': 'application/json' }
const signed = (body: string, key = secret) => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
})
const github: Webhook = { path: 'deploy', secret: 'hook', type: 'github' }
const standard: Webhook = { path: 'deploy', secret: 'hook', type: 'standard' }

function standardHeaders(id: string, at: number, body: string) {
  const moment = new Date(at)
  return {
    ...json,
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': new StandardWebhook(secret).sign(id, moment, body),
  }
}

test('a delivery is answered with the address of its run, which has payload and request', async () => {
  const run =
    'echo {{ payload.ref }} {{ request.headers.x-github-event }} {{ request.path }} {{ request.query.env }}'
  await using hooks = await startHooks([{ path: 'deploy' }], run)
  const headers = { ...json, 'X-GitHub-Event': 'push', authorization: 'Bearer x' }
  const { status, body } = await hooks.send(`${HOOK}?env=test`, { headers, body: '{"ref":"main"}' })
  assert.equal(status, 202, JSON.stringify(body))
  assert.equal(body.address, `/v1/repos/${REPO}/runs/${body.run}`)
  const { script } = await hooks.world.stepJob(1)
  assert.match(script ?? '', /^echo main push deploy test$/)
  const { cause } = await hooks.world.run(String(body.run))
  assert.deepEqual(cause, { kind: 'webhook', by: '127.0.0.1', detail: 'deploy', depth: 0 })
  const { request } = await hooks.world.bus.ask('tasker.get_delivery', {
    repo: REPO,
    delivery: String(body.delivery),
  })
  assert.equal(request.headers.authorization, undefined)
  assert.equal(request.headers['x-github-event'], 'push')
})

const bodies: [what: string, init: RequestInit, script: string][] = [
  ['a form', { body: new URLSearchParams({ a: '1' }) }, `echo '{"a":"1"}'`],
  ["GitHub's form", { body: new URLSearchParams({ payload: '{"a":1}' }) }, `echo '{"a":1}'`],
  ['nothing', {}, "echo ''"],
  ['nothing, called JSON', { headers: json }, "echo ''"],
  ['text', { body: 'a text', headers: { 'content-type': 'text/plain' } }, "echo 'a text'"],
  ['bytes of no type', { body: Buffer.from('some bytes') }, "echo 'some bytes'"],
]
for (const [what, init, expected] of bodies)
  test(`a delivery may hold ${what}`, async () => {
    await using hooks = await startHooks([{ path: 'deploy' }])
    assert.equal((await hooks.send(HOOK, init)).status, 202)
    assert.equal((await hooks.world.stepJob(1)).script, expected)
  })

// The types of the package do not know that it is JSON.
const published = examples as unknown as { name: string; examples: object[] }[]

test('every delivery that GitHub publishes as an example is taken and can be used', async () => {
  await using hooks = await startHooks([github])
  const all = published.flatMap(({ name, examples }) => examples.map((payload) => ({ name, payload })))
  assert.ok(all.length > 150, `${all.length} examples`)
  for (const [i, { name, payload }] of all.entries()) {
    // The limit of a webhook is filled up again.
    if (i % 100 === 0) await hooks.world.clock.advance(3000)
    const body = JSON.stringify(payload)
    const about = { 'x-github-event': name, 'x-github-delivery': `d-${i}` }
    const sent = await hooks.send(HOOK, { headers: { ...json, ...about, ...signed(body) }, body })
    assert.equal(sent.status, 202, `${name}: ${JSON.stringify(sent.body)}`)
    const delivery = String(sent.body.delivery)
    const kept = await hooks.world.bus.ask('tasker.get_delivery', { repo: REPO, delivery })
    assert.deepEqual(kept.payload, payload)
    assert.equal(kept.request.headers['x-github-event'], name)
  }
})

test('security 14: what looks like a template in a payload is never rendered', async () => {
  await using hooks = await startHooks(
    [{ path: 'deploy' }],
    'echo {{ payload.ref }} {{ request.headers.x-a }}',
  )
  const hostile = "{{ secrets.hook }}'; $(id) `id`"
  const body = JSON.stringify({ ref: hostile })
  await hooks.send(HOOK, { headers: { ...json, 'x-a': '{{ secrets.hook }}' }, body })
  const { script } = await hooks.world.stepJob(1)
  assert.equal(script, `echo '{{ secrets.hook }}'\\''; $(id) \`id\`' '{{ secrets.hook }}'`)
})

test('security 16: a missing, wrong or stale signature is 401, starts nothing and is on record without its body', async () => {
  await using hooks = await startHooks([standard])
  const now = hooks.world.clock.now()
  const body = '{"a":1}'
  const right = standardHeaders('msg_1', now, body)
  const refused: [headers: Record<string, string>, reason: RegExp][] = [
    [json, /it has no webhook-id/],
    [{ ...right, 'webhook-id': 'msg_2' }, /does not fit/],
    [{ ...right, 'webhook-signature': 'v1,AAAA' }, /does not fit/],
    [standardHeaders('msg_1', now - 301_000, body), /more than 5 minutes/],
  ]
  for (const [headers, reason] of refused) {
    const sent = await hooks.send(HOOK, { headers, body })
    assert.equal(sent.status, 401)
    assert.match(String(sent.body.detail), reason)
  }
  assert.equal((await hooks.send(HOOK, { headers: right, body: '{"a":2}' })).status, 401)
  assert.deepEqual(await hooks.world.runs(), [])
  const found = await hooks.deliveries()
  assert.deepEqual(
    found.map(({ state, status, run }) => [state, status, run]),
    Array(5).fill(['refused', 401, null]),
  )
  const one = await hooks.world.bus.ask('tasker.get_delivery', { repo: REPO, delivery: found[0]?.id ?? '' })
  assert.deepEqual([one.kept, one.payload], [false, null])
  assert.equal((await hooks.send(HOOK, { headers: right, body })).status, 202)
})

test('security 16: a secret that is not set lets nobody in', async () => {
  await using hooks = await startHooks([{ ...github, secret: 'gone' }])
  const sent = await hooks.send(HOOK, { headers: signed('', ''), body: '' })
  assert.equal(sent.status, 401)
  assert.match(String(sent.body.detail), /the webhook's secret is not set/)
})

test('security 16: a replayed id makes no second run, also at the same moment and after a restart', async () => {
  await using hooks = await startHooks([standard])
  const body = '{"a":1}'
  const headers = standardHeaders('msg_1', hooks.world.clock.now(), body)
  const sent = await Promise.all([1, 2, 3].map(() => hooks.send(HOOK, { headers, body })))
  assert.deepEqual(
    sent.map(({ status }) => status),
    [202, 202, 202],
  )
  assert.equal(new Set(sent.map(({ body: { address } }) => address)).size, 1)
  assert.equal(sent.filter(({ body: { repeated } }) => repeated).length, 2)
  await hooks.world.restart()
  const again = await hooks.world.bus.ask('tasker.receive_webhook', {
    repo: REPO,
    path: 'deploy',
    headers,
    query: {},
    body: Buffer.from(body).toString('base64'),
    from: '127.0.0.1',
  })
  assert.deepEqual([again.repeated, again.run], [true, sent[0]?.body.run])
  assert.equal((await hooks.world.runs()).length, 1)
})

test('security 17: a body of more than 1 MiB is 413 by its announced length, before a byte of it is sent', async () => {
  await using hooks = await startHooks([{ path: 'deploy' }])
  const socket = connect(Number(new URL(hooks.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write(`POST ${HOOK} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${10 * MIB}\r\n\r\n`)
  await until(() => answer.includes('\r\n\r\n'))
  socket.destroy()
  assert.match(answer, /^HTTP\/1\.1 413 /)
})

test('security 17: a body that does not say its length is cut at 1 MiB', async () => {
  await using hooks = await startHooks([{ path: 'deploy' }])
  const socket = connect(Number(new URL(hooks.url).port), '127.0.0.1')
  let answer = ''
  let taken = 0
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(`POST ${HOOK} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`
  await until(async () => {
    if (answer === '' && socket.writable) {
      socket.write(chunk)
      taken += 65536
    }
    await new Promise((done) => setImmediate(done))
    return answer.includes('\r\n\r\n')
  })
  socket.destroy()
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.ok(taken > MIB)
  assert.deepEqual(await hooks.world.runs(), [])
})

test('security 17: malformed JSON is 400 with its reason, and the next delivery is taken', async () => {
  await using hooks = await startHooks([{ path: 'deploy' }])
  const sent = await hooks.send(HOOK, { headers: json, body: '{"a":' })
  assert.equal(sent.status, 400)
  assert.match(String(sent.body.detail), /the body is not JSON/)
  assert.deepEqual(
    (await hooks.deliveries()).map(({ status }) => status),
    [400],
  )
  assert.equal((await hooks.send(HOOK, { headers: json, body: '{}' })).status, 202)
})

test('security 18: GET is 405 and an unknown path 404, with the same words whether or not the repository is there', async () => {
  await using hooks = await startHooks([{ path: 'deploy' }])
  for (const path of [HOOK, `/hooks/${REPO}/nope`, '/hooks/eve/nothing/deploy'])
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const sent = await hooks.send(path, { method })
      assert.deepEqual([sent.status, sent.headers.get('allow')], [405, 'POST'])
    }
  const nowhere = ['nope', '', 'deploy/', 'Deploy', 'deploy%2f..'].map((path) => `/hooks/${REPO}/${path}`)
  const elsewhere = [
    '/hooks/eve/site/deploy',
    '/hooks/ann/other/deploy',
    '/hooks/ann/-x/deploy',
    '/hooks/a%00/x/y',
  ]
  const answers = await Promise.all([...nowhere, ...elsewhere].map((path) => hooks.send(path)))
  for (const { status, body } of answers) {
    assert.equal(status, 404)
    assert.equal(body.detail, 'There is no webhook at this address')
  }
  assert.deepEqual(await hooks.world.runs(), [])
})

test('an address that is not allowed is 403, before the signature is looked at', async () => {
  await using hooks = await startHooks([{ ...github, allow: ['192.0.2.0/24'] }])
  const sent = await hooks.send(HOOK, { headers: { ...json, ...signed('{}') }, body: '{}' })
  assert.equal(sent.status, 403)
  assert.equal(sent.body.detail, 'Nothing is taken from 127.0.0.1 here')
})

test('a sender that has gone wild is 429 with the time to wait', async () => {
  await using hooks = await startHooks([github])
  const statuses = await Promise.all(Array.from({ length: 310 }, async () => (await hooks.send(HOOK)).status))
  assert.equal(statuses.filter((status) => status === 401).length, 300)
  assert.equal((await hooks.send(HOOK)).headers.get('retry-after'), '1')
  assert.equal((await hooks.deliveries()).length, 100)
  const rows = await hooks.world.store.db.selectFrom('tasker_deliveries').select('id').execute()
  assert.equal(rows.length, 200, 'as many refused ones are kept')
})

test('a delivery can be taken again, without its signature, and says who wished it', async () => {
  await using hooks = await startHooks([github])
  const body = '{"a":1}'
  const { body: first } = await hooks.send(HOOK, { headers: { ...json, ...signed(body) }, body })
  const again = await hooks.world.bus.ask('tasker.redeliver', {
    repo: REPO,
    delivery: String(first.delivery),
    by: 'ann',
  })
  assert.notEqual(again.run, first.run)
  assert.deepEqual([again.of, again.by], [first.delivery, 'ann'])
  const { cause } = await hooks.world.run(again.run ?? '')
  assert.deepEqual([cause.by, cause.detail], ['ann', 'deploy, delivered again'])
})

test('a refused delivery is not taken again, nor one whose body is gone', async () => {
  await using hooks = await startHooks([github])
  await hooks.send(HOOK, { body: '{}' })
  const redeliver = (delivery: string) =>
    hooks.world.bus.ask('tasker.redeliver', { repo: REPO, delivery, by: 'ann' })
  const [refused] = await hooks.deliveries()
  await assert.rejects(redeliver(refused?.id ?? ''), { code: 'conflict', message: /was refused/ })
  await assert.rejects(redeliver('nope'), { code: 'not_found' })
  const headers = { ...json, ...signed('{}') }
  const { body: old } = await hooks.send(HOOK, { headers, body: '{}' })
  await hooks.world.store.db
    .updateTable('tasker_deliveries')
    .set({ at: hooks.world.clock.now() - 8 * 24 * 3600_000 })
    .execute()
  await hooks.world.clock.advance(61_000)
  await hooks.send(HOOK, { headers, body: '{}' })
  await assert.rejects(redeliver(String(old.delivery)), { code: 'conflict', message: /not kept any more/ })
})

test('a delivery that cannot be written starts nothing, and the sender is told to try again', async () => {
  await using hooks = await startHooks([{ path: 'deploy' }])
  const { db } = hooks.world.store
  await sql`create trigger broken before insert on tasker_deliveries
    begin select raise(abort, 'the disk is full'); end`.execute(db)
  const headers = { ...json, 'x-github-delivery': 'd1' }
  assert.equal((await hooks.send(HOOK, { headers, body: '{}' })).status, 500)
  assert.deepEqual(await hooks.world.runs(), [])
  await sql`drop trigger broken`.execute(db)
  assert.equal((await hooks.send(HOOK, { headers, body: '{}' })).body.repeated, false)
  assert.equal((await hooks.world.runs()).length, 1)
})
