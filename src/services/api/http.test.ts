import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { routes } from './routes.ts'
import { ANN, deploy, startTestApi, type TestApi } from './testing/platform.ts'
import { newWork } from './testing/tasker.ts'

failOnLeaks()

/** A request as its bytes: what a client library would not let out. */
function raw(api: TestApi, lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(api.url)
  return new Promise((done, fail) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('close', () => done(answer))
    socket.on('error', fail)
  })
}

const call = (api: TestApi, method: string, path: string, body?: unknown) =>
  fetch(api.url + path, {
    method,
    headers: {
      authorization: `Bearer ${ANN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

test('an address that takes other methods is answered with 405 and the header Allow', async () => {
  await using api = await startTestApi()
  for (const [method, path, allow] of [
    ['PUT', '/v1/repos', 'GET, HEAD, POST'],
    ['PATCH', '/v1/repos/ann/shop/nodes/web', 'GET, HEAD'],
    ['DELETE', '/v1/me', 'GET, HEAD'],
    ['GET', '/hooks/ann/shop/push', 'POST'],
    ['GET', '/hooks/nobody', 'POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ] as const) {
    const response = await call(api, method, path)
    const problem = (await response.json()) as Record<string, unknown>
    assert.equal(response.status, 405, `${method} ${path}`)
    assert.equal(response.headers.get('allow'), allow)
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
    assert.equal(problem.code, 'method')
  }
  const nowhere = await call(api, 'GET', '/v1/nowhere')
  assert.equal(nowhere.status, 404)
  await nowhere.body?.cancel()
})

test('every route of the table refuses another method with what it takes', async () => {
  await using api = await startTestApi()
  for (const { path, method } of routes.filter(({ raw: any }) => !any)) {
    const address = path.replace(/:(\w+)/g, 'x')
    const response = await call(api, 'PATCH', address)
    await response.body?.cancel()
    assert.equal(response.status, 405, `PATCH ${address}`)
    assert.match(response.headers.get('allow') ?? '', new RegExp(`\\b${method}\\b`))
  }
})

test('an escape that is none is a problem like every other', async () => {
  await using api = await startTestApi()
  for (const path of ['/v1/repos/%zz', '/v1/repos/ann/%E0%A4%A/nodes', '/%']) {
    const response = await call(api, 'GET', path)
    const problem = (await response.json()) as Record<string, unknown>
    assert.equal(response.status, 400, path)
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
    assert.equal(problem.code, 'invalid')
  }
})

test('a request with two Host headers is refused', async () => {
  await using api = await startTestApi()
  const { host } = new URL(api.url)
  const lines = ['GET /v1/me HTTP/1.1', `Host: ${host}`, 'hOST: evil.example', 'Connection: close']
  assert.match(await raw(api, lines), /^HTTP\/1\.1 400 .*more than one Host/s)
  const single = lines.filter((line) => !line.startsWith('hOST'))
  assert.doesNotMatch(await raw(api, single), /more than one Host/)
})

test('a field that a route does not know is refused, also where it reads no body', async () => {
  await using api = await startTestApi()
  for (const route of routes.filter(({ method, raw: any }) => method !== 'GET' && !any)) {
    const path = route.path.replace(':owner/:repo', 'ann/shop').replace(/:(\w+)/g, 'ann')
    const response = await call(api, route.method, path, { surprise: 1 })
    const problem = (await response.json()) as Record<string, unknown>
    // Some need an administrator, who is asked before the body is read.
    if (response.status === 403) continue
    assert.equal(response.status, 400, `${route.id}: ${JSON.stringify(problem)}`)
    assert.match(
      String(problem.detail),
      /unknown field surprise|must have required|must NOT have fewer/,
      route.id,
    )
  }
})

test('what does not fit is said in the words of its sender, not of a validator', async () => {
  await using api = await startTestApi()
  const detail = async (method: string, path: string, body?: unknown) =>
    String(((await (await call(api, method, path, body)).json()) as Record<string, unknown>).detail)
  assert.equal(
    await detail('POST', '/v1/users/ann/tokens', { title: 5 }),
    'The request does not fit: field title: must be string',
  )
  assert.equal(
    await detail('GET', '/v1/repos/-x/shop'),
    'The request does not fit: repo: must be: owner/name',
  )
  assert.equal(
    await detail('GET', '/v1/repos/ann/shop/runs?limit=many'),
    'The request does not fit: parameter limit: must be integer',
  )
  assert.equal(
    await detail('GET', '/v1/repos/ann/shop/runs?limti=3'),
    'The request does not fit: unknown parameter limti',
  )
})

test('whatever is accepted with 202 says where its outcome can be asked for', async () => {
  for (const { id, status, location } of routes) assert.equal(status === 202, location !== undefined, id)
  await using api = await startTestApi()
  api.world.tasks.push(deploy)
  api.world.runs.push({ ...newWork('r1', { kind: 'run', task: deploy.id }), consent: null, steps: [] })
  const run = await call(api, 'POST', '/v1/repos/ann/shop/tasks/deploy/runs', {})
  const { id } = (await run.json()) as { id: string }
  assert.equal(run.status, 202)
  assert.equal(run.headers.get('location'), `/v1/repos/ann/shop/runs/${id}`)
  const sync = await call(api, 'POST', '/v1/repos/ann/shop/sync')
  const works = (await sync.json()) as { id: string }[]
  assert.equal(sync.status, 202)
  const wanted = works.length === 1 ? `/v1/repos/ann/shop/works/${works[0]?.id}` : '/v1/repos/ann/shop/works'
  assert.equal(sync.headers.get('location'), wanted)
})
