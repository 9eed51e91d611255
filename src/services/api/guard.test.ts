import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import type { Input } from '#contracts'
import type { Identity } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import { testParts } from '#testing/parts.ts'
import { admit, bearer, refuseTokenInQuery } from './guard.ts'
import type { Declaration } from './route.ts'

const ann: Identity = {
  user: 'ann',
  admin: false,
  via: 'token',
  credential: 'id',
  reach: { scope: 'read', repo: null },
}
const params = { owner: 'ann', repo: 'shop', user: 'bob' }

interface World {
  identity?: Identity
  /** Undefined: allowed. */
  refusal?: Problem
  repository?: Problem
  /** What can be seen, for the nearest name. */
  seen?: string[]
}

async function enter(route: Pick<Declaration, 'access' | 'scope'>, world: World = {}) {
  await using stack = new AsyncDisposableStack()
  const { bus } = stack.use(await testParts())
  const asked: string[] = []
  const authorized: Input<'profiles.authorize'>[] = []
  const { identity = ann, refusal, repository, seen = [] } = world
  stack.defer(
    bus.answer('profiles.authenticate', async (proof) => {
      assert.deepEqual(proof, { kind: 'token', token: 'devo_x' })
      return identity
    }),
  )
  stack.defer(
    bus.answer('profiles.authorize', async (question) => {
      authorized.push(question)
      if (refusal) throw refusal
      return {}
    }),
  )
  stack.defer(
    bus.answer('git.get_repository', async ({ repo }) => {
      asked.push(repo)
      if (repository) throw repository
      return { repo, created_at: 0, branch: 'main', commit: null }
    }),
  )
  const list = () => seen.map((repo) => ({ repo, created_at: 0, branch: 'main', commit: null }))
  stack.defer(bus.answer('git.list_repositories', async () => list()))
  stack.defer(
    bus.answer('profiles.collaborations', async ({ user }) =>
      seen.map((repo) => ({ repo, user, role: 'read' as const })),
    ),
  )
  const said = await admit(bus, route as Declaration, params, 'devo_x').catch((error: unknown) => error)
  return { said, asked, authorized }
}

test('a public route, and one for anybody, asks for no right beyond the token', async () => {
  for (const access of ['public', 'anybody'] as const) {
    const { said, authorized } = await enter({ access, scope: 'repo' })
    assert.deepEqual([said, authorized], [ann, []], access)
  }
})

test('the right is asked on the repository of the path, on its user, or on the platform', async () => {
  const base = { user: 'ann', action: 'repo.read', reach: ann.reach }
  const asks = async (scope: Declaration['scope']) => (await enter({ access: 'repo.read', scope })).authorized
  assert.deepEqual(await asks('repo'), [{ ...base, repo: 'ann/shop' }])
  assert.deepEqual(await asks('self'), [{ ...base, whose: 'bob' }])
  assert.deepEqual(await asks('platform'), [base])
})

test('whoever came without a token is judged without its reach', async () => {
  const { reach: _, ...identity } = ann
  const { authorized, said } = await enter(
    { access: 'repo.read', scope: 'platform' },
    { identity: identity as Identity },
  )
  assert.deepEqual(authorized, [{ user: 'ann', action: 'repo.read' }])
  assert.deepEqual(said, identity)
})

test('who may not is refused, with the reason as it is', async () => {
  const refusal = new Problem('forbidden', { user: 'ann', action: 'repo.read', repo: 'ann/shop' })
  const { said } = await enter({ access: 'repo.read', scope: 'repo' }, { refusal })
  assert.equal((said as Problem).code, 'forbidden')
})

test('a repository that is not there comes with the nearest name that can be seen', async () => {
  const refusal = new Problem('not_found', { what: 'repository ann/shop' })
  const { said } = await enter({ access: 'repo.read', scope: 'repo' }, { refusal, seen: ['ann/shopp'] })
  assert.match(String(said), /no repository ann\/shop, did you mean ann\/shopp\?/)
})

test('an administrator is told when there is no such repository, on every right but the audit', async () => {
  const identity = { ...ann, admin: true }
  const repository = new Problem('not_found', { what: 'repository ann/shop' })
  const gone = await enter({ access: 'repo.read', scope: 'repo' }, { identity, repository })
  assert.equal((gone.said as Problem).code, 'not_found')
  assert.deepEqual(gone.asked, ['ann/shop'])
  const audit = await enter({ access: 'audit.read', scope: 'repo' }, { identity, repository })
  assert.deepEqual([audit.said, audit.asked], [identity, []])
  const platform = await enter({ access: 'repo.read', scope: 'platform' }, { identity, repository })
  assert.deepEqual([platform.said, platform.asked], [identity, []])
  const person = await enter({ access: 'repo.read', scope: 'repo' }, { repository })
  assert.deepEqual([person.said, person.asked], [ann, []])
})

test('when git cannot tell whether there is a repository, what is asked next will', async () => {
  const identity = { ...ann, admin: true }
  const repository = new Problem('no_answer', { call: 'git.get_repository' })
  const { said, asked } = await enter({ access: 'repo.read', scope: 'repo' }, { identity, repository })
  assert.deepEqual([said, asked], [identity, ['ann/shop']])
})

test('a token in an address is refused under each of its names, and by its look under any', () => {
  for (const key of ['token', 'access_token', 'accesstoken', 'TOKEN', 'api_key', 'apikey', 'password'])
    assert.throws(
      () => refuseTokenInQuery({ [key]: 'x' }),
      { code: 'invalid', message: new RegExp(`\`${key}\``) },
      key,
    )
  assert.throws(() => refuseTokenInQuery({ q: 'devo_x' }), { code: 'invalid' })
  assert.throws(() => refuseTokenInQuery({ a: '1', q: 'devo_x' }), { code: 'invalid' })
  for (const key of ['tokens', 'my_token', 'api_keys', 'my_api_key', 'passwords', 'old_password'])
    refuseTokenInQuery({ [key]: 'x_devo_' })
  refuseTokenInQuery(undefined)
  refuseTokenInQuery({})
})

test('a token comes as Bearer devo_…, whole; anything else says what it is', () => {
  const of = (authorization?: string) => bearer({ headers: { authorization } } as FastifyRequest)
  assert.equal(of('Bearer devo_x'), 'devo_x')
  assert.equal(of('bearer devo_x'), 'devo_x')
  for (const wrong of ['Bearer x', 'xBearer devo_x', 'Bearer devo_x y', 'Bearer devo_', 'Basic devo_x'])
    assert.throws(() => of(wrong), { code: 'unauthenticated', message: /is not `Bearer devo_…`/ }, wrong)
  for (const nothing of [undefined, ''])
    assert.throws(() => of(nothing), { code: 'unauthenticated', message: /has no Authorization header/ })
})
