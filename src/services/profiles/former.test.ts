import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord } from '#contracts/audit.ts'
import { isProblem } from '#kit/problem.ts'
import { PASSWORD, people, signIn, startProfiles } from './testing/world.ts'

const repo = 'ann/shop'
const entry = (rest: Partial<AuditRecord> = {}): AuditRecord => ({
  actor: 'ann',
  via: 'token',
  credential: 't1',
  from: '192.0.2.7',
  action: 'deleteRepository',
  repo,
  cause: 'DELETE /v1/repos/ann/shop',
  details: {},
  outcome: 'intent',
  of: null,
  ...rest,
})

test('who reads the audit of a new repository of a former name sees nothing of the former; the whole audit has it', async () => {
  await using plane = await startProfiles()
  const { bus, clock } = plane
  const { seq } = await bus.ask('profiles.record_audit', entry())
  await bus.ask('profiles.forget_repository', { repo, at: clock.now() })
  // The end of the deletion is recorded after it.
  await bus.ask('profiles.record_audit', entry({ outcome: 'done', of: seq }))
  const next = await bus.ask('profiles.record_audit', entry({ actor: 'bob', action: 'createRepository' }))
  const seen = await bus.ask('profiles.list_audit', { repo, limit: 10 })
  assert.deepEqual(
    seen.map((one) => one.seq),
    [next.seq],
  )
  assert.equal((await bus.ask('profiles.list_audit', { limit: 10 })).length, 3)
  assert.deepEqual((await bus.ask('profiles.verify_audit', {})).faults, [])
})

test('collaborators and tokens of a deleted repository go with it, once', async () => {
  await using plane = await startProfiles()
  const { bus, clock } = plane
  await people(plane, 'ann', 'bob')
  const at = clock.now()
  const give = async () => {
    await bus.ask('profiles.set_collaborator', { repo, user: 'bob', role: 'write' })
    return (await bus.ask('profiles.create_token', { user: 'bob', title: 't', repo })).token
  }
  const token = await give()
  await bus.ask('profiles.forget_repository', { repo, at })
  assert.deepEqual(await bus.ask('profiles.list_collaborators', { repo }), [])
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'token', token }), (error) =>
    isProblem(error, 'unauthenticated'),
  )
  await give()
  await bus.ask('profiles.forget_repository', { repo, at })
  assert.equal((await bus.ask('profiles.list_collaborators', { repo })).length, 1)
})

test('a new user of a former name is not kept out for what the former mistyped, and has nothing of theirs', async () => {
  await using plane = await startProfiles()
  const { bus } = plane
  await people(plane, 'ann', 'bob')
  const { token } = await bus.ask('profiles.create_token', { user: 'bob', title: 't' })
  for (let i = 0; i < 20; i++) await signIn(plane, 'bob', 'wrong password').catch(() => {})
  await assert.rejects(signIn(plane, 'bob', PASSWORD))
  await bus.ask('profiles.delete_user', { name: 'bob' })
  await people(plane, 'bob')
  await signIn(plane, 'bob', PASSWORD)
  await assert.rejects(bus.ask('profiles.authenticate', { kind: 'token', token }))
  assert.deepEqual(await bus.ask('profiles.list_tokens', { user: 'bob' }), [])
})
