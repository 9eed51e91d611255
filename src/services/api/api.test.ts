import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { actions } from '#contracts/profiles.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { routes } from './routes.ts'
import { ADMIN, ANN, BOB, COMMIT, startTestApi, type TestApi } from './testing/platform.ts'

failOnLeaks()

interface Answer {
  status: number
  type: string | null
  // A test reads answers of every shape.
  body: Record<string, unknown>
}

async function request(
  api: TestApi,
  method: string,
  path: string,
  {
    token = ANN,
    body,
    headers = {},
  }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(api.url + path, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as Record<string, unknown>,
  }
}

const asked = (api: TestApi, name: string) =>
  api.world.asked.filter((one) => one.name === name).map(({ input }) => input)

test('every route names the right that it needs; only five are public', () => {
  const known: readonly string[] = [...actions, 'anybody', 'public']
  for (const { id, access, scope, path } of routes) {
    assert.ok(known.includes(access), `${id} has no action`)
    assert.equal(scope === 'repo', path.includes('/:owner/:repo'), `${id}: scope and path differ`)
    if (scope === 'self') assert.ok(path.startsWith('/v1/users/:user/'), `${id}: acts on no user`)
  }
  const open = routes.filter(({ access }) => access === 'public').map(({ id }) => id)
  assert.deepEqual(open, ['login', 'receiveWebhook', 'health', 'ready', 'getSchema'])
})

test('nobody gets in without a token, and whoever is refused by profiles is refused, on every route', async () => {
  await using api = await startTestApi()
  for (const { method, path, access, scope, id } of routes) {
    if (access === 'public') continue
    const url = path.replace(':owner/:repo', 'eve/own').replace(/:(\w+)/g, 'x')
    const anonymous = await request(api, method, url, { token: '' })
    assert.equal(anonymous.status, 401, id)
    const wrong = await request(api, method, url, { token: 'devo_wrong' })
    assert.equal(wrong.status, 401, id)
    if (access === 'anybody' || access === 'repo.create') continue
    const { status } = await request(api, method, url, { token: BOB })
    assert.equal(status, scope === 'repo' ? 404 : 403, id)
  }
})

test('errors are problems with code and next step', async () => {
  await using api = await startTestApi()
  const { status, type, body } = await request(api, 'GET', '/v1/me', { token: 'devo_wrong' })
  assert.equal(status, 401)
  assert.match(type ?? '', /^application\/problem\+json/)
  assert.deepEqual(body, {
    reason: 'the token is unknown or expired',
    type: 'https://devo.ps/problems/unauthenticated',
    title: 'Unauthenticated',
    status: 401,
    detail: 'Nobody is signed in: the token is unknown or expired',
    code: 'unauthenticated',
    next: 'Sign in with `devops login`, or send a token.',
  })
  const missing = await request(api, 'GET', '/v1/nowhere')
  assert.equal(missing.body.detail, 'There is no route GET /v1/nowhere')
})

test('a token in an address is refused, even a good one', async () => {
  await using api = await startTestApi()
  for (const query of [`token=${ANN}`, `access_token=x`, `q=${ANN}`]) {
    const { status, body } = await request(api, 'GET', `/v1/me?${query}`)
    assert.equal(status, 400)
    assert.match(
      String(body.detail),
      /a token in an address ends up in logs; send it as `Authorization: Bearer devo_…`/,
    )
  }
})

test('a body that does not fit is refused with the name of the field', async () => {
  await using api = await startTestApi()
  const post = (body: unknown) => request(api, 'POST', '/v1/repos/ann/shop/tasks/deploy/runs', { body })
  assert.equal((await post({ vars: 3 })).body.detail, 'The request does not fit: field vars: must be object')
  assert.equal((await post({ wars: {} })).body.detail, 'The request does not fit: unknown field wars')
  assert.equal((await post('{')).status, 400)
  const proto = await post('{"vars":{"__proto__":{"admin":true}}}')
  assert.equal(proto.status, 400)
  const rounded = await post('{"vars":{"id":356686000032329832}}')
  assert.equal(rounded.status, 400)
  assert.match(String(rounded.body.detail), /the number 356686000032329832 is too large to be kept exactly/)
  const large = await post({ vars: { a: 'x'.repeat(1024 * 1024) } })
  assert.equal(large.status, 413)
  assert.equal(large.body.detail, 'the body is larger than 1 MiB')
})

test('a page from elsewhere is refused: other Host, other Origin, a form as text/plain', async () => {
  await using api = await startTestApi()
  const origin = await request(api, 'GET', '/v1/me', { headers: { origin: 'https://evil.example' } })
  assert.equal(
    origin.body.detail,
    'The request does not fit: a page of https://evil.example may not speak to this server',
  )
  const own = await request(api, 'GET', '/v1/me', { headers: { origin: api.url } })
  assert.equal(own.status, 200)
  const form = await request(api, 'POST', '/v1/repos', {
    body: '{"repo":"x"}',
    headers: { 'content-type': 'text/plain' },
  })
  assert.equal(form.status, 415)
  assert.match(String(form.body.detail), /instead of application\/json is not accepted here/)
  const rebound = await hostRequest(api, 'evil.example')
  assert.match(rebound, /^HTTP\/1.1 400 .*this server does not go by the name `evil.example`/s)
  assert.match(await hostRequest(api, 'devops.test'), /^HTTP\/1.1 200 /)
})

/** fetch sets Host by itself, so this one is written by hand. */
async function hostRequest(api: TestApi, host: string): Promise<string> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

test('a user acts on himself without a right, on others only with one', async () => {
  await using api = await startTestApi()
  assert.equal((await request(api, 'GET', '/v1/users/ann/keys')).status, 200)
  const other = await request(api, 'GET', '/v1/users/bob/keys')
  assert.equal(other.body.detail, 'ann may not user.read')
  assert.equal((await request(api, 'GET', '/v1/users/bob/keys', { token: ADMIN })).status, 200)
  await request(api, 'DELETE', `/v1/users/ann/keys/${encodeURIComponent('SHA256:a/b+c')}`)
  assert.deepEqual(asked(api, 'profiles.remove_key'), [{ user: 'ann', fingerprint: 'SHA256:a/b+c' }])
})

test('a repository belongs to who makes it; only an administrator makes one for another', async () => {
  await using api = await startTestApi()
  const make = (repo: string, token = ANN) => request(api, 'POST', '/v1/repos', { token, body: { repo } })
  const own = await make('shop')
  assert.equal(own.status, 201)
  assert.deepEqual([own.body.repo, own.body.role], ['ann/shop', 'owner'])
  assert.equal((await make('bob/shop')).body.detail, 'ann may not make a repository of bob')
  assert.equal((await make('bob/shop', ADMIN)).status, 201)
  assert.equal((await make('../etc')).status, 400)
})

test('a list of repositories holds what is owned or shared, and all for an administrator', async () => {
  await using api = await startTestApi()
  const names = async (token: string) =>
    (
      (await request(api, 'GET', '/v1/repos', { token })).body as unknown as { repo: string; role: string }[]
    ).map(({ repo, role }) => `${repo} ${role}`)
  assert.deepEqual(await names(ANN), ['ann/shop owner', 'bob/blog write'])
  assert.deepEqual(await names(ADMIN), ['ann/shop admin', 'bob/blog admin', 'eve/own admin'])
})

test('a node is joined from its descriptor, record and status; without the monitor its health is unknown', async () => {
  await using api = await startTestApi()
  api.world.statuses = [
    {
      repo: 'ann/shop',
      node: 'old',
      status: 'destroying',
      commit: null,
      waits_for: null,
      error: null,
      drift: null,
      work: 'w',
      changed_at: 1,
    },
  ]
  api.world.records = ['web', 'old'].map((node) => ({
    repo: 'ann/shop',
    node,
    server: null,
    facts: { ip: '192.0.2.1' },
    applied: { commit: COMMIT, at: 1, work: 'w', manifest: [{ secret: 'x' }] },
    created_at: 1,
  }))
  const nodes = (await request(api, 'GET', '/v1/repos/ann/shop/nodes')).body as unknown as Record<
    string,
    unknown
  >[]
  assert.deepEqual(
    nodes.map(({ node, descriptor, applied, health }) => ({
      node,
      wished: descriptor !== null,
      applied,
      health,
    })),
    ['old', 'web'].map((node) => ({
      node,
      wished: node === 'web',
      applied: { commit: COMMIT, at: 1, work: 'w', resources: 1 },
      health: null,
    })),
  )
  const none = await request(api, 'GET', '/v1/repos/ann/shop/nodes/nope')
  assert.equal(none.body.detail, 'There is no node nope in ann/shop')
})

test('schemas are public, and an unknown kind is told which there are', async () => {
  await using api = await startTestApi()
  assert.deepEqual((await request(api, 'GET', '/v1/schemas/node.json', { token: '' })).body, {
    title: 'Node',
  })
  const none = await request(api, 'GET', '/v1/schemas/constructor', { token: '' })
  assert.equal(none.body.detail, 'There is no schema constructor; there are node, task')
})
