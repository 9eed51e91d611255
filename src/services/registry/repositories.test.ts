import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#kit/ids.ts'
import { forgetRepository, forgottenAt, refuseForgotten } from './repositories.ts'
import type { Tables } from './tables.ts'
import { startRegistry } from './testing/registry.ts'

const repos = ['ann/shop', 'bob/shop']

async function start() {
  await using stack = new AsyncDisposableStack()
  const registry = stack.use(await startRegistry())
  const { bus } = registry
  for (const repo of repos) {
    await bus.ask('registry.record_node', { repo, node: 'web', facts: { os: 'debian' }, uses: ['colour'] })
    await bus.ask('registry.set_variable', { repo, scope: 'repo', name: 'colour', value: 'red', by: 'ann' })
    await bus.ask('registry.set_secret', {
      repo,
      name: 'token',
      value: 'secret of old',
      rotate: false,
      by: 'ann',
    })
    await bus.ask('registry.platform_key', { repo })
  }
  const store = registry.store.as<Tables>()
  const tables = [
    'registry_nodes',
    'registry_uses',
    'registry_variables',
    'registry_variable_history',
    'registry_platform_keys',
    'registry_secrets',
  ] as const
  const left = async (repo: string) => {
    const counts = []
    for (const table of tables)
      counts.push((await store.db.selectFrom(table).select('repo').where('repo', '=', repo).execute()).length)
    return counts
  }
  const forget = (repo: string, at: number) => store.transaction((tx) => forgetRepository(tx, repo, at))
  const undo = stack.move()
  return { ...registry, db: store.db, left, forget, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('a deleted repository leaves nothing in any table, and its neighbour keeps all', async () => {
  await using place = await start()
  await place.forget('ann/shop', 100)
  assert.deepEqual(await place.left('ann/shop'), [0, 0, 0, 0, 0, 0])
  assert.deepEqual(await place.left('bob/shop'), [1, 1, 1, 1, 1, 1])
})

test('when a repository was deleted is known of each, and the latest time counts', async () => {
  await using place = await start()
  assert.equal(await forgottenAt(place.db, 'ann/shop'), 0)
  await place.forget('ann/shop', 100)
  await place.forget('bob/shop', 200)
  assert.equal(await forgottenAt(place.db, 'ann/shop'), 100)
  await place.forget('ann/shop', 300)
  await place.forget('ann/shop', 250)
  assert.deepEqual(
    [await forgottenAt(place.db, 'ann/shop'), await forgottenAt(place.db, 'bob/shop')],
    [300, 200],
  )
})

test('a deletion that is told twice takes nothing of the next repository, a later one does', async () => {
  await using place = await start()
  const again = () =>
    place.bus.ask('registry.set_variable', {
      repo: 'ann/shop',
      scope: 'repo',
      name: 'a',
      value: 1,
      by: 'ann',
    })
  await place.forget('ann/shop', 100)
  await again()
  await place.forget('ann/shop', 100)
  await place.forget('ann/shop', 99)
  assert.equal((await place.left('ann/shop'))[2], 1)
  await place.forget('ann/shop', 101)
  assert.equal((await place.left('ann/shop'))[2], 0)
})

test('what began up to the deletion is refused, what began after it is not, nor what says no time', async () => {
  await using place = await start()
  const at = 1_700_000_000_000
  const refuse = (repo: string, by: Parameters<typeof refuseForgotten>[2]) =>
    refuseForgotten(place.db, repo, by)
  const gone = { code: 'not_found', message: /repository ann\/shop any more: it was deleted/ }
  await refuse('ann/shop', { begun: 0 })
  await place.forget('ann/shop', at)
  await assert.rejects(refuse('ann/shop', { begun: at }), gone)
  await assert.rejects(refuse('ann/shop', { begun: at - 1 }), gone)
  await refuse('ann/shop', { begun: at + 1 })
  await assert.rejects(refuse('ann/shop', { work: newId(at) }), gone)
  await refuse('ann/shop', { work: newId(at + 1) })
  await refuse('ann/shop', { work: newId(at + 1), begun: at })
  await refuse('ann/shop', {})
  await refuse('bob/shop', { begun: 0, work: newId(1) })
})
