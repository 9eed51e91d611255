import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectEvents } from '#testing/parts.ts'
import { until } from '#testing/until.ts'
import { startRegistry } from './testing/registry.ts'

const repo = 'ann/site'
const color = { repo, scope: 'repo', name: 'color' }

test('a value that a step or a sync moves is announced with its work, one that a person moves without', async () => {
  await using plane = await startRegistry()
  const { bus } = plane
  const events = collectEvents(bus, ['var.changed'])
  const source = { kind: 'run' as const, id: 'run1' }
  await bus.ask('registry.set_variable', { ...color, value: 'blue', by: 'ann', source })
  await bus.ask('registry.set_variable', { ...color, value: 'red', by: 'ann' })
  await bus.ask('registry.unset_variable', { ...color, by: 'ann' })
  const fence = { work: 'sync1', attempt: 1 }
  await bus.ask('registry.record_node', { repo, node: 'db', facts: { pub_key: 'k' }, fence })
  await bus.ask('registry.forget_node', { repo, node: 'db', fence })
  await until(() => events.length === 7)
  assert.deepEqual(
    events.map(({ data }) => [data.address, data.work]),
    [
      ['vars.color', 'run1'],
      ['vars.color', null],
      ['vars.color', null],
      ['db.facts.pub_key', 'sync1'],
      ['db.pub_key', 'sync1'],
      ['db.pub_key', 'sync1'],
      ['db.facts.pub_key', 'sync1'],
    ],
  )
})
