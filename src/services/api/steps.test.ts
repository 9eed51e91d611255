import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { ANN, startTestApi } from './testing/platform.ts'
import { newWork } from './testing/tasker.ts'

failOnLeaks()

const pending = {
  name: 'Look',
  node: 'web',
  state: 'pending' as const,
  attempt: 0,
  exit: null,
  error: null,
  outputs: {},
  retry_at: null,
  started_at: null,
  ended_at: null,
}

test('steps are numbered from 1 in runs, lines, their stream and export, and events', async () => {
  await using api = await startTestApi()
  api.world.runs = [
    { ...newWork('r1', { kind: 'run', task: 'deploy' }), consent: null, steps: [{ ...pending, step: 0 }] },
  ]
  api.say({ text: 'hi', work: 'r1', step: 0 })
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${api.url}/v1/repos/ann/shop/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${ANN}`, ...init.headers },
    })
  const steps = async (path: string, init?: RequestInit) =>
    [...(await (await get(path, init)).text()).matchAll(/"step": ?(\d+)/g)].map(([, number]) => number)
  const post = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
  for (const path of ['runs', 'runs/r1', 'tasks', 'tasks/deploy', 'logs', 'logs?step=1', 'logs/export'])
    assert.deepEqual(await steps(path), ['1'], path)
  assert.deepEqual(await steps('tasks/deploy/runs', post), ['1'])
  const query = api.world.asked.filter(({ name }) => name === 'logger.query')
  assert.ok(query.some(({ input }) => (input as { step?: number }).step === 0))
  assert.equal((await get('logs?step=0')).status, 400)
  const stream = await get('logs/stream')
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
  let text = ''
  while (!text.includes('"hi"')) text += new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  assert.match(text, /"step":1/)
})
