import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import type { NodeRecord } from '#contracts/registry.ts'
import type { Work } from '#contracts/tasker.ts'
import { isProblem } from '#kit/problem.ts'
import { people, startProfiles } from './testing/world.ts'

const repo = 'ann/shop'
const COMMIT = 'a'.repeat(40)

const node = (id: string, credential?: string): Node => ({
  id,
  type: 'server',
  provider: { name: 'cloud', ...(credential !== undefined && { credential }) },
  services: {},
  configuration: {},
  vars: {},
})
const work = (rest: Partial<Work> = {}): Work => ({
  id: 'w',
  repo,
  kind: 'sync',
  nodes: ['web'],
  state: 'running',
  waits_for: null,
  progress: null,
  commit: COMMIT,
  task: null,
  attempt: 1,
  cause: { kind: 'push', by: 'ann', detail: '', depth: 0 },
  error: null,
  created_at: 0,
  started_at: 0,
  ended_at: null,
  ...rest,
})

/** Ann's credential `cloud`, with works that go on, nodes that are described, and records. */
async function start() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startProfiles())
  const { bus } = plane
  const world = {
    works: [] as Work[],
    nodes: [] as Node[],
    records: [] as NodeRecord[],
    meanwhile: async () => {},
  }
  stack.defer(
    bus.answer('shazam.check_credential', async () => {
      await world.meanwhile()
      return { said: 'account 7' }
    }),
  )
  stack.defer(bus.answer('registry.list_nodes', async () => world.records))
  stack.defer(bus.answer('tasker.list_works', async () => world.works))
  stack.defer(
    bus.answer('git.infrastructure', async ({ repo, commit = null }): Promise<Infrastructure> => {
      assert.equal(commit, COMMIT)
      return { repo, commit, nodes: world.nodes, tasks: [], scripts: {}, services: [] }
    }),
  )
  await people(plane, 'ann')
  plane.owned.push(repo)
  const undo = stack.move()
  const set = (fields = { token: 'x' }) =>
    bus.ask('profiles.set_credential', { user: 'ann', name: 'cloud', provider: 'cloud', fields })
  await set()
  const unset = () => bus.ask('profiles.unset_credential', { user: 'ann', name: 'cloud' })
  return { ...plane, world, set, unset, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('a sync keeps the credential of its own node, beside nodes of other credentials', async () => {
  await using plane = await start()
  plane.world.works = [work()]
  plane.world.nodes = [node('web', 'cloud'), node('db', 'other')]
  await assert.rejects(plane.unset(), /Node web in ann\/shop is being synced with it/)
})

const harmless: [what: string, works: Work[], nodes: Node[]][] = [
  ['of a node with another credential', [work()], [node('web', 'other')]],
  ['of a node without one', [work()], [node('web')]],
  ['of another node than the one that has it', [work()], [node('db', 'cloud'), node('web', 'other')]],
  ['of a task', [work({ kind: 'run' })], [node('web', 'cloud')]],
  ['of no commit', [work({ commit: null })], [node('web', 'cloud')]],
]
for (const [what, works, nodes] of harmless)
  test(`a work keeps no credential: ${what}`, async () => {
    await using plane = await start()
    Object.assign(plane.world, { works, nodes })
    await plane.unset()
    assert.deepEqual(await plane.bus.ask('profiles.list_credentials', { user: 'ann' }), [])
  })

test('a node without a server keeps no credential', async () => {
  await using plane = await start()
  plane.world.records = [{ repo, node: 'bare', server: null, facts: {}, applied: null, created_at: null }]
  await plane.unset()
})

test('a refused use says that the credentials are at fault', async () => {
  await using plane = await start()
  const use = (name: string) =>
    plane.bus.ask('profiles.use_credential', {
      repo,
      node: 'web',
      name,
      provider: 'cloud',
      purpose: 'create',
    })
  await assert.rejects(
    use('nothing'),
    (error) => isProblem(error, 'provider') && error.data.kind === 'credentials',
  )
})

test('who was deleted while the provider was asked gets no credential', async () => {
  await using plane = await start()
  await plane.unset()
  plane.world.meanwhile = async () => {
    await plane.store.db.deleteFrom('profiles_users').execute()
  }
  await assert.rejects(plane.set(), /no user ann/)
  assert.deepEqual(await plane.store.db.selectFrom('profiles_credentials').selectAll().execute(), [])
})

test('the provider is asked about credentials of users only, and has twenty seconds to answer', async () => {
  await using plane = await start()
  let asked = 0
  plane.world.meanwhile = async () => void asked++
  const fields = { token: 'x' }
  await assert.rejects(
    plane.bus.ask('profiles.set_credential', { user: 'nobody', name: 'cloud', provider: 'cloud', fields }),
    /no user nobody/,
  )
  assert.equal(asked, 0)
  plane.world.meanwhile = () => plane.clock.advance(19_999)
  await plane.set()
  plane.world.meanwhile = () => plane.clock.advance(20_000)
  await assert.rejects(plane.set(), /took longer than 20000 ms/)
})

for (const act of ['insert', 'update'] as const)
  test(`a credential that cannot be kept is not said to be: ${act}`, async () => {
    await using plane = await start()
    if (act === 'insert') await plane.unset()
    await sql
      .raw(
        `create trigger full before ${act} on profiles_credentials begin select raise(fail, 'disk full'); end`,
      )
      .execute(plane.store.db)
    const check = () => plane.bus.ask('profiles.check_credential', { user: 'ann', name: 'cloud' })
    await assert.rejects(act === 'insert' ? plane.set() : check(), /./)
  })

test('a use for no node says what the provider was asked for', async () => {
  await using plane = await start()
  const use = { repo, node: null, name: 'cloud', provider: 'cloud', purpose: 'create' } as const
  await plane.bus.ask('profiles.use_credential', use)
  const [entry] = await plane.bus.ask('profiles.list_audit', { limit: 1 })
  assert.equal(entry?.cause, 'what cloud offers')
})

test('a credential that goes while it is asked for is refused as one that is not there', async () => {
  await using plane = await start()
  await sql
    .raw('create trigger goes after insert on profiles_audit begin delete from profiles_credentials; end')
    .execute(plane.store.db)
  const use = { repo, node: 'web', name: 'cloud', provider: 'cloud', purpose: 'create' } as const
  await assert.rejects(
    plane.bus.ask('profiles.use_credential', use),
    (error) => isProblem(error, 'provider') && error.data.kind === 'credentials',
  )
})
