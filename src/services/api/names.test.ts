import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { ANN, startTestApi, type TestApi } from './testing/platform.ts'

failOnLeaks()

/** The sentence of a 404, or else the status. */
const detail = async (
  api: TestApi,
  path: string,
  { method, body }: { method?: string; body?: object } = {},
) => {
  const response = await fetch(`${api.url}/v1/repos/${path}`, {
    method: method ?? 'GET',
    headers: { authorization: `Bearer ${ANN}`, ...(body && { 'content-type': 'application/json' }) },
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
