import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '#client'
import { fakeClock } from '#testing/clock.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { readEvents, type ServerEvent } from '../../client/sse.ts'
import { ANN, startTestApi, type TestApi } from './testing/platform.ts'

failOnLeaks()

const open = async (api: TestApi, path: string, last?: string) => {
  const leave = new AbortController()
  const response = await fetch(api.url + path, {
    headers: { authorization: `Bearer ${ANN}`, ...(last === undefined ? {} : { 'last-event-id': last }) },
    signal: leave.signal,
  })
  assert.equal(response.status, 200)
  assert.ok(response.body)
  const events = readEvents(response.body)
  const take = async (count: number) => {
    const taken: ServerEvent[] = []
    while (taken.length < count) {
      const { value, done } = await events.next()
      if (done) break
      taken.push(value)
    }
    return taken
  }
  return { take, leave: () => leave.abort() }
}

const texts = (events: ServerEvent[]) => events.map(({ data }) => JSON.parse(data).text)
const LOGS = '/v1/repos/ann/shop/logs/stream'
const EVENTS = '/v1/repos/ann/shop/events'

test('a stream of logs begins with the newest lines and goes on with each that comes, with its number as id', async () => {
  await using api = await startTestApi()
  for (const text of ['a', 'b', 'c']) api.say({ text })
  const stream = await open(api, `${LOGS}?limit=2`)
  assert.deepEqual(texts(await stream.take(2)), ['b', 'c'])
  api.say({ text: 'other', repo: 'bob/blog' })
  api.say({ text: 'd' })
  const [next] = await stream.take(1)
  assert.deepEqual([next?.id, next?.event, JSON.parse(next?.data ?? '').text], ['5', 'line', 'd'])
  stream.leave()
})

test('a stream that is taken up again has no gap and no double', async () => {
  await using api = await startTestApi()
  for (let i = 1; i <= 1200; i++) api.say({ text: String(i) })
  const stream = await open(api, LOGS, '100')
  const rest = texts(await stream.take(1100))
  assert.deepEqual(
    rest,
    Array.from({ length: 1100 }, (_, i) => String(i + 101)),
  )
  stream.leave()
})

test('a stream whose filter nothing fits does not look at the same lines twice', async () => {
  const clock = fakeClock()
  await using api = await startTestApi({ clock })
  for (let i = 1; i <= 5; i++) api.say({ text: String(i), node: 'web' })
  const stream = await open(api, `${LOGS}?node=db&after=0`)
  const asked = () =>
    api.world.asked.flatMap(({ name, input }) =>
      name === 'logger.query' ? [(input as { after?: number }).after] : [],
    )
  await until(async () => {
    await clock.advance(10_000)
    return asked().length >= 3
  })
  assert.deepEqual(asked().slice(0, 3), [0, 5, 5])
  stream.leave()
})

test('an export is JSON lines', async () => {
  await using api = await startTestApi()
  for (const text of ['a', 'b']) api.say({ text })
  const response = await fetch(`${api.url}/v1/repos/ann/shop/logs/export`, {
    headers: { authorization: `Bearer ${ANN}` },
  })
  assert.match(response.headers.get('content-type') ?? '', /^application\/x-ndjson/)
  const lines = (await response.text()).trim().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).text),
    ['a', 'b'],
  )
})

test('security 22: a stream ends, and says why, when its token is revoked', async () => {
  const clock = fakeClock()
  await using api = await startTestApi({ clock })
  const stream = await open(api, LOGS)
  api.world.identities.delete(ANN)
  const end = stream.take(1)
  await until(async () => {
    await clock.advance(1000)
    return api.world.asked.filter(({ name }) => name === 'profiles.authenticate').length > 1
  })
  const [event] = await end
  assert.equal(event?.event, 'problem')
  assert.equal(JSON.parse(event?.data ?? '').detail, 'Nobody is signed in: the token is unknown or expired')
  assert.deepEqual(await stream.take(1), [])
})

test('open streams end when the server stops', async () => {
  const api = await startTestApi()
  const logs = await open(api, LOGS)
  const events = await open(api, EVENTS)
  const ends = Promise.all([logs.take(1), events.take(1)])
  await api[Symbol.asyncDispose]()
  assert.deepEqual(await ends, [[], []])
})

const started = (task: string, id: string, repo = 'ann/shop') =>
  [
    'task.*.run.start',
    { id, name: task, subject: repo, data: { repo, task, run: 'r', depth: 0, error: null } },
  ] as const

test("a stream of events holds this repository's, and can be taken up by id", async () => {
  await using api = await startTestApi()
  const stream = await open(api, EVENTS)
  await api.bus.publish(...started('deploy', 'e1'))
  await api.bus.publish(...started('other', 'e2', 'bob/blog'))
  await api.bus.publish(...started('deploy', 'e3'))
  const got = await stream.take(2)
  assert.deepEqual(
    got.map(({ id, event }) => [id, event]),
    [
      ['e1', 'task.deploy.run.start'],
      ['e3', 'task.deploy.run.start'],
    ],
  )
  stream.leave()
  const again = await open(api, EVENTS, 'e1')
  assert.deepEqual(
    (await again.take(1)).map(({ id }) => id),
    ['e3'],
  )
  again.leave()
  const lost = await open(api, EVENTS, 'long-ago')
  assert.deepEqual(
    (await lost.take(1)).map(({ event }) => event),
    ['gap'],
  )
  lost.leave()
})

test('output of a step does not travel with events: who may read events may not read logs by that', async () => {
  await using api = await startTestApi()
  const stream = await open(api, EVENTS)
  const data = {
    repo: 'ann/shop',
    run: 'r',
    step: 0,
    node: 'web',
    attempt: 1,
    outcome: 'success',
    exit: 0,
    error: null,
    stdout: 'private',
    outputs: {},
  } as const
  await api.bus.publish('step.finished', { subject: 'r', data })
  const [event] = await stream.take(1)
  assert.equal(event?.event, 'step.finished')
  assert.ok(!event.data.includes('private'))
  assert.equal(JSON.parse(event.data).step, 1)
  stream.leave()
})

test('the client follows over a restart of the server without a gap or a double', async () => {
  let api = await startTestApi()
  const leave = new AbortController()
  const client = createClient({ baseUrl: api.url, token: ANN })
  const seen: string[] = []
  const reconnects: string[] = []
  api.say({ text: 'a' })
  const following = (async () => {
    const options = {
      signal: leave.signal,
      wait: 20,
      onReconnect: (reason: string) => reconnects.push(reason),
    }
    for await (const { text } of client.followLogs('ann/shop', {}, options)) seen.push(text)
  })()
  await until(() => seen.length === 1)
  const { lines } = api.world
  await api[Symbol.asyncDispose]()
  await until(() => reconnects.length > 0)
  api = await startTestApi({ port: Number(new URL(api.url).port) })
  api.world.lines = lines
  api.say({ text: 'b' })
  await until(() => seen.length === 2)
  assert.deepEqual(seen, ['a', 'b'])
  leave.abort()
  await following
  await api[Symbol.asyncDispose]()
})
