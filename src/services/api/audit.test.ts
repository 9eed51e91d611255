import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { isAudited, summary } from './audit.ts'
import { routes } from './routes.ts'
import { ANN, startTestApi, type TestApi } from './testing/platform.ts'

failOnLeaks()

const send = (api: TestApi, method: string, path: string, body?: unknown) =>
  fetch(api.url + path, {
    method,
    headers: {
      authorization: `Bearer ${ANN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

test('a change is recorded before it happens and again with what came of it', async () => {
  await using api = await startTestApi()
  await send(api, 'PUT', '/v1/repos/ann/shop/collaborators/bob', { role: 'write' })
  const common = {
    actor: 'ann',
    via: 'token',
    credential: 'id-ann',
    from: '127.0.0.1',
    action: 'setCollaborator',
    repo: 'ann/shop',
    cause: 'PUT /v1/repos/ann/shop/collaborators/bob',
  }
  assert.deepEqual(api.world.audit, [
    { ...common, details: { user: 'bob', role: 'write' }, outcome: 'intent', of: null },
    { ...common, details: {}, outcome: 'done', of: 1 },
  ])
})

test('the audit of a repository begins with who made it', async () => {
  await using api = await startTestApi()
  await send(api, 'POST', '/v1/repos', { repo: 'shop' })
  assert.deepEqual(
    api.world.audit.map(({ action, repo, outcome }) => [action, repo, outcome]),
    [
      ['createRepository', 'ann/shop', 'intent'],
      ['createRepository', 'ann/shop', 'done'],
    ],
  )
})

test('a change that its service refuses is recorded as refused, with the code', async () => {
  await using api = await startTestApi()
  const { status } = await send(api, 'DELETE', '/v1/repos/ann/shop')
  assert.equal(status, 409)
  assert.deepEqual(
    api.world.audit.map(({ outcome, details }) => [outcome, details]),
    [
      ['intent', {}],
      ['refused', { code: 'conflict' }],
    ],
  )
})

test('reading is not recorded, nor who was not let in', async () => {
  await using api = await startTestApi()
  await send(api, 'GET', '/v1/repos/ann/shop')
  await send(api, 'DELETE', '/v1/repos/eve/own')
  assert.deepEqual(api.world.audit, [])
})

test('what cannot be recorded is not done', async () => {
  await using api = await startTestApi()
  api.world.auditBroken = true
  const answer = await send(api, 'PUT', '/v1/repos/ann/shop/collaborators/bob', { role: 'write' })
  assert.equal(answer.status, 503)
  const { detail } = (await answer.json()) as { detail: string }
  assert.equal(detail, 'The audit cannot be written, so nothing was changed: the disk is full')
  assert.ok(api.world.asked.every(({ name }) => name !== 'profiles.set_collaborator'))
})

test('values of a body stay out of the audit unless their route says that they are no secret', async () => {
  await using api = await startTestApi()
  await send(api, 'PUT', '/v1/repos/ann/shop/variables', { scope: 'repo', name: 'key', value: 'canary-1' })
  await send(api, 'PUT', '/v1/users/ann/password', { password: 'canary-2', current: 'canary-3' })
  await send(api, 'POST', '/v1/repos/ann/shop/tasks/deploy/runs', { vars: { token: 'canary-4' } })
  const text = JSON.stringify(api.world.audit)
  assert.doesNotMatch(text, /canary/)
  assert.match(text, /"scope":"repo","name":"key","fields":\["value"\]/)
  assert.deepEqual(summary({ a: 'x'.repeat(300), b: 1 }, ['a']), { a: `${'x'.repeat(200)}…`, fields: ['b'] })
})

test('no route lets a field into the audit whose name says secret', () => {
  for (const { id, shows = [] } of routes)
    for (const name of shows)
      assert.doesNotMatch(name, /pass|secret|value|token|private|^key$|content|fields/i, id)
  assert.ok(routes.filter(isAudited).length > 15)
})
