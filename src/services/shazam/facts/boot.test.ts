import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probe } from '../probe.ts'
import { startServer } from '../testing/server.ts'
import { noQuestions } from './state.ts'

test('what stays as it is until the next start of a node is looked at once for each start', {
  timeout: 60_000,
}, async () => {
  await using server = await startServer()
  const { system } = await probe(server.connection, noQuestions())
  assert.equal(system.virtualization, 'docker')
  assert.equal(system.architecture, (await server.sh('uname -m')).trim())
  const recorded = { ...system, architecture: 'as recorded', cpu_model: '', virtualization: 'as recorded' }
  const again = await probe(server.connection, { ...noQuestions(), boot: recorded })
  assert.deepEqual(again.system, recorded)
  const started = await probe(server.connection, {
    ...noQuestions(),
    boot: { ...recorded, boot_id: 'of another start' },
  })
  assert.deepEqual(started.system, system)
})
