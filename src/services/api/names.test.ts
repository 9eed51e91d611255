import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { ADMIN, ANN, startTestApi, type TestApi } from './testing/platform.ts'
import { newWork } from './testing/tasker.ts'

failOnLeaks()

/** The sentence of a 404, or else the status. */
const detail = async (
  api: TestApi,
  path: string,
  {
    method,
    body,
    token = ANN,
    below,
  }: { method?: string; body?: object; token?: string; below?: string } = {},
) => {
  const response = await fetch(`${api.url}/v1/${below ?? `repos/${path}`}`, {
    method: method ?? 'GET',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as { detail: string }
  return response.status === 404 ? answer.detail : response.status
}

test('a name that is not there is refused with the nearest one, wherever it is asked for', async () => {
  await using api = await startTestApi()
  const node = 'There is no node wep in ann/shop, did you mean web?'
  const task = 'There is no task depoly in ann/shop, did you mean deploy?'
  const hook = 'There is no webhook depoly in ann/shop, did you mean deploy?'
  for (const path of ['nodes/wep', 'logs?node=wep', 'works?node=wep'])
    assert.equal(await detail(api, `ann/shop/${path}`), node, path)
  for (const path of ['tasks/depoly', 'logs?task=depoly', 'runs?task=depoly'])
    assert.equal(await detail(api, `ann/shop/${path}`), task, path)
  api.bus.answer('tasker.list_deliveries', async () => [])
  assert.equal(await detail(api, 'ann/shop/deliveries?path=depoly'), hook)
  assert.equal(await detail(api, 'ann/shop/deliveries?path=deploy'), 200)
  assert.equal(await detail(api, 'ann/shop/logs?work=nope'), 'There is no work nope')
  const far = 'There is no node quite-another in ann/shop'
  assert.equal(await detail(api, 'ann/shop/nodes/quite-another'), far)
})

test('a name that is there, or was, has no lines, runs or works without being refused', async () => {
  await using api = await startTestApi()
  for (const path of ['logs?node=web', 'logs?task=deploy', 'runs?task=deploy', 'works?node=web'])
    assert.equal(await detail(api, `ann/shop/${path}`), 200, path)
  api.say({ text: 'last words', node: 'gone' })
  assert.equal(await detail(api, 'ann/shop/logs?node=gone'), 200)
})

test('an act on the server of a node that is not there names the nearest node', async () => {
  await using api = await startTestApi()
  const power = { method: 'POST', body: { act: 'stop' } }
  const trust = { method: 'PUT', body: { host_key: `SHA256:${'A'.repeat(43)}` } }
  const node = 'There is no node wep in ann/shop, did you mean web?'
  assert.equal(await detail(api, 'ann/shop/nodes/wep/power', power), node)
  assert.equal(await detail(api, 'ann/shop/nodes/wep/host-key', trust), node)
  assert.equal(await detail(api, 'ann/shop/nodes/web/power', power), 200)
})

test('a repository that is not there, or not for the caller, is answered alike: with the nearest that the caller can list', async () => {
  await using api = await startTestApi()
  assert.equal(await detail(api, 'an/shop/nodes'), 'There is no repository an/shop, did you mean ann/shop?')
  assert.equal(await detail(api, 'eve/own/nodes'), 'There is no repository eve/own')
  assert.equal(await detail(api, 'eve/owm/nodes'), 'There is no repository eve/owm')
})

test('a name that a service does not find is refused with the nearest of those that the caller may list', async () => {
  await using api = await startTestApi()
  const missing = (what: string) => async () => {
    throw new Problem('not_found', { what })
  }
  api.bus.answer('profiles.update_user', missing('user bbo'))
  const asAdmin = { method: 'PUT', body: { disabled: true }, token: ADMIN, below: 'users/bbo' }
  assert.equal(await detail(api, '', asAdmin), 'There is no user bbo, did you mean bob?')
  api.world.instead.set('profiles.set_collaborator', missing('user bbo'))
  const share = { method: 'PUT', body: { role: 'read' } }
  // Of a user with whom ann shares nothing she is told no name.
  assert.equal(
    await detail(api, 'ann/shop/collaborators/bbo', share),
    'There is no user bbo, did you mean bob?',
  )
  api.world.instead.set('profiles.collaborations', async () => [])
  assert.equal(await detail(api, 'ann/shop/collaborators/bbo', share), 'There is no user bbo')
  api.world.works = [newWork('0abcdefgh1')]
  assert.equal(
    await detail(api, 'ann/shop/works/0abcdefgh2'),
    'There is no work 0abcdefgh2, did you mean 0abcdefgh1?',
  )
  api.world.instead.set('registry.secret_history', async () => [])
  const secret = 'There is no secret tokn in ann/shop, did you mean token?'
  assert.equal(await detail(api, 'ann/shop/secrets/tokn/history'), secret)
})

test('a repository that is not there is refused to administrators, too, also where nothing is asked of git', async () => {
  await using api = await startTestApi()
  const token = ADMIN
  api.world.instead.set('git.get_repository', async (asked) => {
    throw new Problem('not_found', { what: `repository ${(asked as { repo: string }).repo}` })
  })
  api.bus.answer('profiles.list_audit', async () => [])
  const sentence = 'There is no repository ann/shpo, did you mean ann/shop?'
  for (const path of ['logs', 'logs/stream', 'variables', 'secrets', 'runs', 'collaborators'])
    assert.equal(await detail(api, `ann/shpo/${path}`, { token }), sentence, path)
  assert.equal(await detail(api, 'ann/shpo/audit', { token }), 200)
})

test('a variable, a service of the log and an address that nothing has are refused with the nearest', async () => {
  await using api = await startTestApi()
  api.world.instead.set('registry.variable_history', async () => [])
  api.world.instead.set('registry.used_by', async () => [])
  api.world.variables = [
    { repo: 'ann/shop', scope: 'repo', name: 'color', value: 1, set_at: 0, set_by: 'ann', source: null },
  ]
  const color = 'There is no variable colur in ann/shop, did you mean color?'
  const node = 'There is no node wep in ann/shop, did you mean web?'
  assert.equal(await detail(api, 'ann/shop/variables/history?scope=repo&name=colur'), color)
  assert.equal(await detail(api, 'ann/shop/variables/history?scope=node:wep&name=color'), node)
  assert.equal(await detail(api, 'ann/shop/variables/used-by?address=vars.colur'), color)
  assert.equal(await detail(api, 'ann/shop/variables/used-by?address=wep.ip'), node)
  assert.equal(await detail(api, 'ann/shop/variables/used-by?address=web.ip'), 200)
  const set = { method: 'PUT', body: { scope: 'node:wep', name: 'color', value: 1 } }
  assert.equal(await detail(api, 'ann/shop/variables', set), node)
  const service = 'There is no line of service tsker, did you mean tasker?'
  assert.equal(await detail(api, 'ann/shop/logs?service=tsker'), service)
  assert.equal(await detail(api, 'ann/shop/logs?service=quiet-so-far'), 200)
  api.say({ text: 'x', service: 'postgres' })
  assert.match(String(await detail(api, 'ann/shop/logs?service=postgras')), /did you mean postgres\?/)
})

test('security 35: a repository that a token or a credential is for must be one that the caller can list', async () => {
  await using api = await startTestApi()
  const sentence = 'There is no repository ann/shpo, did you mean ann/shop?'
  const token = { method: 'POST', body: { title: 'x', repo: 'ann/shpo' }, below: 'users/ann/tokens' }
  assert.equal(await detail(api, '', token), sentence)
  const body = { provider: 'docker', fields: {}, repos: ['ann/shpo'] }
  assert.equal(await detail(api, '', { method: 'PUT', body, below: 'users/ann/credentials/farm' }), sentence)
})
