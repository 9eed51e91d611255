import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { AuditRecord } from '#contracts/audit.ts'
import { isProblem } from '#kit/problem.ts'
import { hashOf, ROOT } from './audit-chain.ts'
import type { Tables } from './tables.ts'
import { people, signIn, startProfiles as start } from './testing/world.ts'

type Plane = Awaited<ReturnType<typeof start>>

const entry = (rest: Partial<AuditRecord> = {}): AuditRecord => ({
  actor: 'ann',
  via: 'token',
  credential: 't1',
  from: '192.0.2.7',
  action: 'setVariable',
  repo: 'ann/shop',
  cause: 'PUT /v1/repos/ann/shop/variables',
  details: { name: 'color' },
  outcome: 'intent',
  of: null,
  ...rest,
})

const fill = async ({ bus }: Plane, count: number) => {
  for (let i = 0; i < count; i++) await bus.ask('profiles.record_audit', entry({ details: { i } }))
}
const faultsOf = async ({ bus }: Plane, head?: string) =>
  (await bus.ask('profiles.verify_audit', { ...(head && { head }) })).faults.map(
    ({ seq, reason }) => `${seq}: ${reason}`,
  )
const tamper = ({ store }: Plane, statement: string) => sql.raw(statement).execute(store.db)

test('entries are read newest first, by repository, actor, action and time', async () => {
  await using plane = await start()
  const { bus, clock } = plane
  await bus.ask('profiles.record_audit', entry())
  await clock.advance(1000)
  await bus.ask('profiles.record_audit', entry({ actor: 'bob', repo: 'bob/blog' }))
  await bus.ask('profiles.record_audit', entry({ action: 'git.push' }))
  const seqs = async (filter: object) =>
    (await bus.ask('profiles.list_audit', { limit: 10, ...filter })).map(({ seq }) => seq)
  assert.deepEqual(await seqs({}), [3, 2, 1])
  assert.deepEqual(await seqs({ repo: 'ann/shop' }), [3, 1])
  assert.deepEqual(await seqs({ actor: 'bob' }), [2])
  assert.deepEqual(await seqs({ action: 'git.push' }), [3])
  assert.deepEqual(await seqs({ since: clock.now() }), [3, 2])
  assert.deepEqual(await seqs({ before: 3, limit: 1 }), [2])
  const [first] = await bus.ask('profiles.list_audit', { before: 2, limit: 1 })
  const { hash, ...rest } = first ?? {}
  assert.match(hash ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(rest, { seq: 1, at: clock.now() - 1000, ...entry() })
})

test('an untouched audit has no faults, also over pages and from its own head', async () => {
  await using plane = await start()
  assert.deepEqual(await plane.bus.ask('profiles.verify_audit', {}), { entries: 0, head: null, faults: [] })
  await fill(plane, 1200)
  const { entries, head, faults } = await plane.bus.ask('profiles.verify_audit', {})
  assert.deepEqual([entries, faults], [1200, []])
  await fill(plane, 3)
  assert.deepEqual(await faultsOf(plane, head ?? ''), [])
})

const columns = [
  'at',
  'actor',
  'via',
  'credential',
  '"from"',
  'action',
  'repo',
  'cause',
  'details',
  'outcome',
]
for (const column of columns)
  test(`security 39: a changed ${column.replaceAll('"', '')} is found`, async () => {
    await using plane = await start()
    await fill(plane, 5)
    await tamper(plane, `update profiles_audit set ${column} = '7' where seq = 3`)
    assert.deepEqual(await faultsOf(plane), ['3: it was changed, or one before it was'])
  })

test('security 39: a removed entry is found, and two that changed places', async () => {
  await using plane = await start()
  await fill(plane, 6)
  await tamper(plane, 'delete from profiles_audit where seq = 2')
  assert.deepEqual(await faultsOf(plane), ['3: entry 2 is missing'])
  await tamper(plane, 'update profiles_audit set seq = 2 where seq = 5')
  await tamper(plane, 'update profiles_audit set seq = 5 where seq = 4')
  await tamper(plane, 'update profiles_audit set seq = 4 where seq = 2')
  assert.notDeepEqual(await faultsOf(plane), [])
})

test('security 39: an end that was cut off is found, also after more was written', async () => {
  await using plane = await start()
  await fill(plane, 5)
  await tamper(plane, 'delete from profiles_audit where seq > 3')
  assert.deepEqual(await faultsOf(plane), ['5: the newest entries are missing: 4 to 5'])
  await fill(plane, 1)
  assert.deepEqual(await faultsOf(plane), ['6: entries 4 to 5 are missing'])
})

test('security 39: whoever rewrites all hashes but has not the master key is found', async () => {
  await using plane = await start()
  await fill(plane, 2)
  const rows = await plane.store
    .as<Tables>()
    .db.selectFrom('profiles_audit')
    .selectAll()
    .orderBy('seq')
    .execute()
  let prev = ROOT
  for (const { hash: _, ...row } of rows) {
    row.actor = 'eve'
    prev = hashOf(prev, row)
    await tamper(
      plane,
      `update profiles_audit set actor = 'eve', hash = '${prev}' where seq = ${Number(row.seq)}`,
    )
  }
  assert.deepEqual(await faultsOf(plane), ['2: its hash is not the one that was sealed'])
  await tamper(plane, 'delete from profiles_audit_head')
  assert.deepEqual(await faultsOf(plane), ['2: the sealed head is missing or was changed'])
  await fill(plane, 1)
  assert.deepEqual(await faultsOf(plane), ['4: entry 3 is missing'])
})

test('a head that was kept elsewhere shows even an audit that was put back whole from a backup', async () => {
  await using plane = await start()
  await fill(plane, 3)
  const rows = await plane.store.db.selectFrom('profiles_audit_head').selectAll().execute()
  await fill(plane, 2)
  const { head } = await plane.bus.ask('profiles.verify_audit', {})
  await tamper(plane, 'delete from profiles_audit where seq > 3')
  await tamper(plane, `update profiles_audit_head set sealed = '${rows[0]?.sealed}'`)
  assert.deepEqual(await faultsOf(plane), [])
  assert.deepEqual(await faultsOf(plane, head ?? ''), [
    '5: the entry of the given head is missing or was changed',
  ])
})

test('sign-ins are recorded, good and bad, with the address; a name that nobody has and a password are not kept', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  await signIn(plane, 'ann', 'correct horse', '192.0.2.7')
  await assert.rejects(signIn(plane, 'ann', 'battery staple', '192.0.2.8'))
  await assert.rejects(signIn(plane, 'my-password-by-mistake', 'x', '192.0.2.9'))
  const entries = await plane.bus.ask('profiles.list_audit', { limit: 10, action: 'sign_in' })
  assert.deepEqual(
    entries.map(({ actor, from, outcome, details }) => [actor, from, outcome, details.user]),
    [
      [null, '192.0.2.9', 'refused', 'unknown'],
      [null, '192.0.2.8', 'refused', 'ann'],
      ['ann', '192.0.2.7', 'done', 'ann'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(entries), /horse|staple|mistake/)
})

test('who knocks while blocked adds nothing to the audit', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  for (let i = 0; i < 50; i++) await assert.rejects(signIn(plane, 'ann', 'guess'))
  assert.equal((await plane.bus.ask('profiles.list_audit', { limit: 100 })).length, 5)
})

test('security 31: without an audit nobody signs in', async () => {
  await using plane = await start()
  await people(plane, 'ann')
  await tamper(plane, 'alter table profiles_audit rename to gone')
  await assert.rejects(signIn(plane, 'ann', 'correct horse'), (error) => isProblem(error, 'unaudited'))
  await assert.rejects(plane.bus.ask('profiles.record_audit', entry()), /nothing was changed/)
})
