import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { Input } from '#contracts'
import { isProblem, Problem } from '#kit/problem.ts'
import { people, startProfiles } from './testing/world.ts'

const CANARY = 'canary-7f3a'

/** With a provider that takes whatever is not `wrong`, and a registry that knows the servers in `made`. */
async function start() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startProfiles())
  const { bus } = plane
  const made: { repo: string; node: string; credential: string }[] = []
  stack.defer(
    bus.answer('shazam.check_credential', async ({ provider, fields }) => {
      if (provider === 'silent') return { said: null }
      if (fields.token === 'wrong') throw new Problem('provider', { provider, reason: 'wrong token' })
      return { said: 'account 7' }
    }),
  )
  stack.defer(
    bus.answer('registry.list_nodes', async () =>
      made.map(({ repo, node, credential }) => ({
        repo,
        node,
        server: {
          provider: 'cloud',
          id: '1',
          host: '192.0.2.1',
          port: 22,
          user: 'root',
          host_keys: [],
          made_from: { credential },
        },
        facts: {},
        applied: null,
        created_at: 1,
      })),
    ),
  )
  await people(plane, 'ann', 'eve')
  const undo = stack.move()
  return { ...plane, made, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

type Plane = Awaited<ReturnType<typeof start>>

const set = ({ bus }: Plane, rest: Partial<Input<'profiles.set_credential'>> = {}) =>
  bus.ask('profiles.set_credential', {
    user: 'ann',
    name: 'cloud',
    provider: 'cloud',
    fields: { token: CANARY },
    ...rest,
  })
const use = ({ bus }: Plane, rest: Partial<Input<'profiles.use_credential'>> = {}) =>
  bus.ask('profiles.use_credential', {
    repo: 'ann/shop',
    node: 'web',
    name: 'cloud',
    provider: 'cloud',
    purpose: 'create',
    ...rest,
  })

test('security 21: a credential is asked of its provider when it is set, sealed, and never shown again', async () => {
  await using plane = await start()
  const made = await set(plane)
  assert.deepEqual(made, {
    user: 'ann',
    name: 'cloud',
    provider: 'cloud',
    fields: ['token'],
    repos: [],
    set_at: plane.clock.now(),
    checked_at: plane.clock.now(),
    said: 'account 7',
    used_at: null,
  })
  const shown = [
    await plane.bus.ask('profiles.list_credentials', { user: 'ann' }),
    await plane.bus.ask('profiles.check_credential', { user: 'ann', name: 'cloud' }),
    await plane.bus.ask('profiles.repository_credentials', { repo: 'ann/shop' }),
    await plane.bus.ask('profiles.list_audit', { limit: 100 }),
    (await sql.raw('select * from profiles_credentials').execute(plane.store.db)).rows,
  ]
  assert.doesNotMatch(JSON.stringify(shown), /canary/)
  assert.deepEqual(await use(plane), { fields: { token: CANARY } })
})

test('one that its provider refuses is not kept, and does not replace the one that is there', async () => {
  await using plane = await start()
  await set(plane)
  await assert.rejects(set(plane, { fields: { token: 'wrong' } }), /Provider cloud refused: wrong token/)
  assert.deepEqual(await use(plane), { fields: { token: CANARY } })
})

test('a provider that cannot be asked is believed unchecked', async () => {
  await using plane = await start()
  const { said, checked_at } = await set(plane, { provider: 'silent' })
  assert.deepEqual([said, checked_at], [null, null])
})

test('security 31: every use is in the audit before the credential is handed out', async () => {
  await using plane = await start()
  await set(plane)
  await use(plane)
  const [entry] = await plane.bus.ask('profiles.list_audit', { limit: 1 })
  const { seq: _, at, hash: _hash, ...rest } = entry ?? {}
  assert.equal(at, plane.clock.now())
  assert.deepEqual(rest, {
    actor: null,
    via: 'platform',
    credential: null,
    from: null,
    action: 'credential.use',
    repo: 'ann/shop',
    cause: 'create the server of node web',
    details: { credential: 'cloud', owner: 'ann', provider: 'cloud' },
    outcome: 'done',
    of: null,
  })
  await sql.raw('alter table profiles_audit rename to gone').execute(plane.store.db)
  await assert.rejects(use(plane), (error) => isProblem(error, 'unaudited'))
})

test('security 35: another’s credential, and one for other repositories, is refused to a repository; the try is recorded', async () => {
  await using plane = await start()
  await set(plane, { repos: ['ann/shop'] })
  await use(plane)
  for (const repo of ['eve/own', 'ann/blog'])
    await assert.rejects(
      use(plane, { repo }),
      new RegExp(`${repo.split('/')[0]} has no credential cloud for ${repo}`),
    )
  await assert.rejects(use(plane, { provider: 'docker' }), /credential cloud is for provider cloud/)
  const entries = await plane.bus.ask('profiles.list_audit', { limit: 3 })
  assert.deepEqual(
    entries.map(({ repo, outcome }) => `${repo} ${outcome}`),
    ['ann/shop refused', 'ann/blog refused', 'eve/own refused'],
  )
  assert.deepEqual(await plane.bus.ask('profiles.repository_credentials', { repo: 'ann/blog' }), [])
})

test('security 35: a credential can be for one’s own repositories only', async () => {
  await using plane = await start()
  await assert.rejects(set(plane, { repos: ['eve/own'] }), /eve\/own is no repository of ann/)
})

test('security 35: a sealed credential that was moved to another user or name does not open', async () => {
  await using plane = await start()
  await set(plane)
  await sql.raw(`update profiles_credentials set "user" = 'eve'`).execute(plane.store.db)
  await assert.rejects(use(plane, { repo: 'eve/own' }), /does not open/)
})

test('a credential by which a server was made stays until the server is gone', async () => {
  await using plane = await start()
  await set(plane)
  plane.made.push({ repo: 'ann/shop', node: 'web', credential: 'cloud' })
  const unset = () => plane.bus.ask('profiles.unset_credential', { user: 'ann', name: 'cloud' })
  await assert.rejects(unset(), /The server of node web in ann\/shop was made with it/)
  plane.made.pop()
  await unset()
  await assert.rejects(unset(), /There is no credential cloud of ann/)
})

test('a credential is not taken away while a sync makes a server with it, nor when it was handed out a moment ago', async () => {
  await using plane = await start()
  const { bus, clock } = plane
  plane.owned.push('ann/shop')
  await set(plane)
  let running = true
  let meanwhile = async () => {}
  bus.answer('tasker.list_works', async ({ states }) => {
    assert.deepEqual(states, ['running'])
    await meanwhile()
    const cause = { kind: 'push' as const, by: 'ann', detail: '', depth: 0 }
    const times = { created_at: 0, started_at: 0, ended_at: null }
    const work = {
      id: 'w',
      repo: 'ann/shop',
      kind: 'sync' as const,
      nodes: ['web'],
      state: 'running' as const,
    }
    const rest = {
      waits_for: null,
      progress: null,
      commit: 'a'.repeat(40),
      task: null,
      attempt: 1,
      cause,
      error: null,
    }
    return running ? [{ ...work, ...rest, ...times }] : []
  })
  bus.answer('git.infrastructure', async ({ repo, commit = null }) => ({
    ...{ repo, commit, tasks: [], scripts: {}, services: [] },
    nodes: [
      {
        id: 'web',
        type: 'server' as const,
        provider: { name: 'cloud', credential: 'cloud' },
        services: {},
        configuration: {},
        vars: {},
      },
    ],
  }))
  const unset = () => bus.ask('profiles.unset_credential', { user: 'ann', name: 'cloud' })
  await assert.rejects(unset(), /Node web in ann\/shop is being synced with it: wait for the end/)
  running = false
  meanwhile = async () => {
    meanwhile = async () => {}
    await clock.advance(5)
    await use(plane)
  }
  await assert.rejects(unset(), /Credential cloud has been used just now: try again/)
  await use(plane)
  await unset()
  await assert.rejects(use(plane), (error) => isProblem(error, 'provider'))
})

/** Ann's `cloud`, her `other`, and eve's `cloud`. */
async function withNeighbours() {
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await start())
  await set(plane)
  await set(plane, { name: 'other' })
  await set(plane, { user: 'eve' })
  plane.bus.answer('tasker.list_works', async () => [])
  const list = async () =>
    (
      await Promise.all(['ann', 'eve'].map((user) => plane.bus.ask('profiles.list_credentials', { user })))
    ).flat()
  const undo = stack.move()
  return { ...plane, list, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}
const nameOf = ({ user, name }: { user: string; name: string }) => `${user}/${name}`

test('a credential is listed, used, checked and taken away by user and name: its neighbours stay as they are', async () => {
  await using plane = await withNeighbours()
  const { bus, clock, list } = plane
  const before = await list()
  assert.deepEqual(before.map(nameOf), ['ann/cloud', 'ann/other', 'eve/cloud'])

  await clock.advance(1_000)
  await use(plane)
  const used = await list()
  assert.deepEqual(
    used.map(({ used_at }) => used_at),
    [clock.now(), null, null],
  )
  await use(plane)
  assert.equal((await list())[0]?.used_at, clock.now() + 1)

  await clock.advance(1_000)
  const checked = await bus.ask('profiles.check_credential', { user: 'ann', name: 'cloud' })
  assert.equal(checked.checked_at, clock.now())
  assert.deepEqual(
    (await list()).map(({ checked_at }) => checked_at),
    [clock.now(), before[1]?.checked_at, before[2]?.checked_at],
  )

  await bus.ask('profiles.unset_credential', { user: 'ann', name: 'cloud' })
  assert.deepEqual((await list()).map(nameOf), ['ann/other', 'eve/cloud'])
})

test('a check that the provider does not answer keeps the time of the last one', async () => {
  await using plane = await start()
  const { checked_at } = await set(plane)
  await sql.raw(`update profiles_credentials set provider = 'silent'`).execute(plane.store.db)
  await plane.clock.advance(1_000)
  const checked = await plane.bus.ask('profiles.check_credential', { user: 'ann', name: 'cloud' })
  assert.deepEqual([checked.said, checked.checked_at], [null, checked_at])
  assert.equal((await plane.bus.ask('profiles.list_credentials', { user: 'ann' }))[0]?.checked_at, checked_at)
})

test('a server of another owner, or made with another credential, keeps none', async () => {
  await using plane = await withNeighbours()
  plane.made.push({ repo: 'eve/own', node: 'web', credential: 'cloud' })
  plane.made.push({ repo: 'ann/shop', node: 'web', credential: 'other' })
  await plane.bus.ask('profiles.unset_credential', { user: 'ann', name: 'cloud' })
  assert.deepEqual((await plane.list()).map(nameOf), ['ann/other', 'eve/cloud'])
})

test('security 35: a repository may use the credentials of its owner that are for it or for all, by name', async () => {
  await using plane = await withNeighbours()
  await set(plane, { name: 'another', repos: ['ann/shop'] })
  await set(plane, { name: 'blog-only', repos: ['ann/blog', 'ann/blog'] })
  const names = async (repo: string) =>
    (await plane.bus.ask('profiles.repository_credentials', { repo })).map(({ name }) => name)
  assert.deepEqual(await names('ann/shop'), ['another', 'cloud', 'other'])
  assert.deepEqual(await names('ann/blog'), ['blog-only', 'cloud', 'other'])
  const [, only] = await plane.bus.ask('profiles.list_credentials', { user: 'ann' })
  assert.deepEqual(only?.repos, ['ann/blog'])
})

test('a credential that is set again has its new fields, in order, and was not used', async () => {
  await using plane = await withNeighbours()
  await use(plane)
  await set(plane, { fields: { token: 'new', account: 'a' }, repos: ['ann/zoo', 'ann/shop'] })
  const [cloud] = await plane.list()
  assert.deepEqual(cloud?.fields, ['account', 'token'])
  assert.deepEqual(cloud?.repos, ['ann/shop', 'ann/zoo'])
  assert.equal(cloud?.used_at, null)
  assert.deepEqual(await use(plane), { fields: { token: 'new', account: 'a' } })
})

test('nobody who is not there has credentials', async () => {
  await using plane = await start()
  await assert.rejects(set(plane, { user: 'nobody' }), /no user nobody/)
  await assert.rejects(plane.bus.ask('profiles.list_credentials', { user: 'nobody' }), /no user nobody/)
})

test('a full disk keeps nobody from using a credential', async () => {
  await using plane = await start()
  await set(plane)
  await sql
    .raw(
      `create trigger full before update on profiles_credentials begin select raise(fail, 'disk full'); end`,
    )
    .execute(plane.store.db)
  assert.deepEqual(await use(plane), { fields: { token: CANARY } })
})

test('a credential that goes while it is asked for is not handed out', async () => {
  await using plane = await start()
  await set(plane)
  await sql
    .raw(`create trigger goes after insert on profiles_audit begin delete from profiles_credentials; end`)
    .execute(plane.store.db)
  await assert.rejects(use(plane), /ann has no credential cloud for ann\/shop/)
})
