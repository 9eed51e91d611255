import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { startRegistry } from './testing/registry.ts'

const repo = 'ann/shop'

test('what a node is about to use is known at once, and only what was not known is fresh', async () => {
  await using registry = await startRegistry()
  const { bus } = registry
  const note = (...uses: string[]) => bus.ask('registry.note_uses', { repo, node: 'web', uses })
  assert.deepEqual(await note('vars.colour', 'db.ip'), { fresh: true })
  assert.deepEqual(await note('db.ip'), { fresh: false })
  assert.deepEqual(await note('db.ip', 'secrets.token'), { fresh: true })
  for (const address of ['vars.colour', 'db.ip', 'secrets.token'])
    assert.deepEqual(await bus.ask('registry.used_by', { repo, address }), ['web'])
})

test('a value that moves after its use was noted names the node, set, unset and rotated', async () => {
  await using registry = await startRegistry()
  const { bus } = registry
  const events = collectEvents(bus, ['var.changed'])
  const uses = ['colour', 'secrets.token', 'db.facts.cpu.count']
  await bus.ask('registry.note_uses', { repo, node: 'web', uses })
  const variable = { repo, scope: 'repo', name: 'colour', by: 'ann' }
  await bus.ask('registry.set_variable', { ...variable, value: 'blue' })
  await bus.ask('registry.unset_variable', variable)
  const secret = { repo, name: 'token', by: 'ann' }
  await bus.ask('registry.set_secret', { ...secret, value: 'first-secret', rotate: false })
  await bus.ask('registry.unset_secret', secret)
  await bus.ask('registry.record_node', { repo, node: 'db', facts: { cpu: { count: 2 } } })
  await until(() => events.length === 5)
  for (const { data } of events) assert.deepEqual(data.nodes, ['web'], data.address)
})

test('an overtaken attempt notes nothing, and what was applied in the end takes the place of what was noted', async () => {
  await using registry = await startRegistry()
  const { bus } = registry
  const place = { repo, node: 'web' }
  await bus.ask('registry.record_node', { ...place, fence: { work: 'w2', attempt: 1 }, uses: ['a', 'b'] })
  await assert.rejects(
    bus.ask('registry.note_uses', { ...place, fence: { work: 'w1', attempt: 1 }, uses: ['c'] }),
    { code: 'fenced' },
  )
  await bus.ask('registry.note_uses', { ...place, fence: { work: 'w3', attempt: 1 }, uses: ['c'] })
  await bus.ask('registry.record_node', { ...place, fence: { work: 'w3', attempt: 1 }, uses: ['c'] })
  assert.deepEqual(await bus.ask('registry.used_by', { repo, address: 'a' }), [])
  assert.deepEqual(await bus.ask('registry.used_by', { repo, address: 'c' }), ['web'])
})
