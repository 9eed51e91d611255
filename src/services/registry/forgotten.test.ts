import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#kit/ids.ts'
import { isProblem } from '#kit/problem.ts'
import { startRegistry } from './testing/registry.ts'

const repo = 'ann/shop'
const place = { repo, node: 'web' }
const server = (id: string) => ({
  provider: 'cloud',
  id,
  host: '192.0.2.1',
  port: 22,
  user: 'devops',
  host_keys: [],
  made_from: {},
})
const gone = (error: unknown) => isProblem(error, 'not_found') && /it was deleted/.test(error.message)

test('a work of a deleted repository records nothing, and a work of the next of its name does', async () => {
  await using registry = await startRegistry()
  const { bus, clock } = registry
  const former = { work: newId(clock.now()), attempt: 1 }
  await bus.ask('registry.record_node', { ...place, fence: former, server: server('one') })
  await clock.advance(10)
  await bus.ask('registry.forget_repository', { repo, at: clock.now() })
  await assert.rejects(
    bus.ask('registry.record_node', { ...place, fence: former, server: server('one') }),
    gone,
  )
  await assert.rejects(bus.ask('registry.note_uses', { ...place, fence: former, uses: ['a'] }), gone)
  await assert.rejects(bus.ask('registry.forget_node', { ...place, fence: former }), gone)
  assert.deepEqual(await bus.ask('registry.list_nodes', { repo }), [])
  assert.deepEqual(await bus.ask('registry.used_by', { repo, address: 'a' }), [])
  await clock.advance(10)
  const next = { work: newId(clock.now()), attempt: 1 }
  await bus.ask('registry.record_node', { ...place, fence: next, server: server('two') })
  assert.equal((await bus.ask('registry.get_node', place)).server?.id, 'two')
})

test('a repository is forgotten once: what the next of its name has stays', async () => {
  await using registry = await startRegistry()
  const { bus, clock } = registry
  const variable = { repo, scope: 'repo', name: 'colour', by: 'ann' }
  await bus.ask('registry.set_variable', { ...variable, value: 'red' })
  const at = clock.now()
  await bus.ask('registry.forget_repository', { repo, at })
  assert.deepEqual(await bus.ask('registry.list_variables', { repo }), [])
  assert.deepEqual(await bus.ask('registry.variable_history', { repo, scope: 'repo', name: 'colour' }), [])
  await bus.ask('registry.set_variable', { ...variable, value: 'blue' })
  await bus.ask('registry.forget_repository', { repo, at })
  assert.equal((await bus.ask('registry.list_variables', { repo }))[0]?.value, 'blue')
})

test('what began before the deletion of a repository or node, outside of a work, does not bring it back', async () => {
  await using registry = await startRegistry()
  const { bus, clock } = registry
  const begun = clock.now()
  await clock.advance(10)
  await bus.ask('registry.forget_node', { ...place, fence: { work: newId(clock.now()), attempt: 1 } })
  await assert.rejects(bus.ask('registry.record_node', { ...place, begun, server: server('one') }), {
    code: 'conflict',
    message: 'Node web was destroyed meanwhile',
  })
  await clock.advance(10)
  await bus.ask('registry.record_node', { ...place, begun: clock.now(), server: server('one') })
  await clock.advance(10)
  await bus.ask('registry.forget_repository', { repo, at: clock.now() })
  await assert.rejects(bus.ask('registry.record_node', { ...place, begun, server: server('one') }), gone)
  assert.deepEqual(await bus.ask('registry.list_nodes', { repo }), [])
})

test('where a server is now, and its key, are written of the server that was asked about and of no other', async () => {
  await using registry = await startRegistry()
  const { bus } = registry
  const moved = (only_if: string) =>
    bus.ask('registry.record_node', { ...place, only_if, server: { ...server(only_if), host: '192.0.2.9' } })
  await bus.ask('registry.record_node', { ...place, server: server('one') })
  assert.equal((await moved('one')).server?.host, '192.0.2.9')
  const another = { code: 'conflict', message: 'Node web has another server now, or none' }
  await assert.rejects(moved('two'), another)
  await bus.ask('registry.forget_node', place)
  await assert.rejects(moved('one'), another)
  assert.deepEqual(await bus.ask('registry.list_nodes', { repo }), [])
})
