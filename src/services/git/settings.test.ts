import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { type Fixture, node, open, pushes, startFixture } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'
const set = (fixture: Fixture, change: object) =>
  fixture.bus.ask('git.set_settings', { repo, change, by: 'ann' })

test('settings are at their defaults until somebody changes one, which survives a restart and is announced', async () => {
  await using fixture = await startFixture()
  assert.deepEqual(await fixture.bus.ask('git.get_settings', { repo }), defaultSettings())
  const changed = { ...defaultSettings(), heal: true, log_days: 7 }
  assert.deepEqual(await set(fixture, { heal: true }), { ...defaultSettings(), heal: true })
  assert.deepEqual(await set(fixture, { log_days: 7 }), changed)
  await fixture.restart()
  assert.deepEqual(await fixture.bus.ask('git.get_settings', { repo }), changed)
  await until(() => fixture.events.filter((event) => event.pattern === 'repo.settings_changed').length === 2)
  const last = fixture.events.findLast((event) => event.pattern === 'repo.settings_changed')
  assert.deepEqual(last?.data, { repo, settings: changed, by: 'ann' })
})

test('tasks that need an approval are told with every commit, as the setting is now', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const asked = { repo, ...(commit && { commit }) }
  const required = async () => (await fixture.bus.ask('git.infrastructure', asked)).approval_required
  assert.equal(await required(), undefined)
  await set(fixture, { approval_required: ['deploy', 'prod-*'] })
  assert.deepEqual(await required(), ['deploy', 'prod-*'])
  await set(fixture, { approval_required: [] })
  assert.equal(await required(), undefined)
  for (const wrong of [['a b'], ['x', 'x'], 'deploy', ['']])
    await assert.rejects(set(fixture, { approval_required: wrong }), (error) => isProblem(error, 'invalid'))
})

test('a setting that is unknown, empty or out of bounds is refused', async () => {
  await using fixture = await startFixture()
  for (const change of [{}, { colour: 'red' }, { destroy: 'maybe' }, { log_days: 0 }, { branch: '-x' }])
    await assert.rejects(set(fixture, change), (error) => isProblem(error, 'invalid'), JSON.stringify(change))
})

test('another active branch is announced as a push of its tip, judged before, and is what a clone checks out', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const first = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const second = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'HEAD:refs/heads/production')
  await set(fixture, { branch: 'production' })
  await until(() => pushes(fixture).length === 2)
  assert.deepEqual(pushes(fixture)[1], {
    repo,
    branch: 'production',
    before: first,
    after: second,
    by: 'ann',
  })
  const { branch, commit } = await fixture.bus.ask('git.get_repository', { repo })
  assert.deepEqual([branch, commit], ['production', second])
  assert.match(await work.must('ls-remote', '--symref', 'origin', 'HEAD'), /^ref: refs\/heads\/production\t/)
  const third = await work.commit({ 'nodes/db.yml': null })
  assert.match((await work.git('push', 'origin', 'HEAD:main')).said, /Branch main is stored, not applied/)
  assert.match((await work.git('push', 'origin', `${third}:production`)).said, /remote: Plan:/)
})

test('a branch that does not exist, has errors or would lose servers is not followed', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/web')
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  await work.commit({ 'nodes/web.yml': null, 'tasks/.keep': '' })
  await work.must('push', 'origin', 'HEAD:refs/heads/empty')
  await work.commit({ 'nodes/web.yml': 'id: [' })
  await work.must('push', 'origin', 'HEAD:refs/heads/broken')
  const cases = [
    ['nowhere', 'invalid', /there is no branch nowhere; there are broken, empty, main/],
    ['broken', 'refused', /descriptors are refused/],
    ['empty', 'conflict', /web: its descriptor is gone.*devops repo settings destroy allow/],
  ] as const
  for (const [branch, code, says] of cases)
    await assert.rejects(set(fixture, { branch }), (error: unknown) => {
      assert.ok(isProblem(error, code), String(error))
      assert.match(error.message, says)
      return true
    })
  assert.equal((await fixture.bus.ask('git.get_repository', { repo })).branch, 'main')
  assert.equal((await set(fixture, { branch: 'empty', destroy: 'allow' })).branch, 'empty')
})

test('a branch that was chosen in an empty repository is not displaced by a master that comes first', async () => {
  await using fixture = await startFixture()
  await set(fixture, { branch: 'live' })
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const stored = await work.git('push', 'origin', 'HEAD:refs/heads/master')
  assert.match(stored.said, /Branch master is stored, not applied: the servers follow live/)
  assert.match((await work.git('push', 'origin', 'HEAD:refs/heads/live')).said, /remote: Plan:/)
})

test('with `allow` a push destroys and replaces without being asked', async () => {
  await using fixture = await startFixture()
  for (const id of ['web', 'db']) fixture.world.servers.add(`ann/infra/${id}`)
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web'), 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  fixture.world.plan = async () => [{ node: 'web', verdict: 'replace', changes: [], as_of: 0 }]
  await work.commit({ 'nodes/web.yml': node('web', 'large'), 'nodes/db.yml': null })
  await set(fixture, { destroy: 'allow' })
  const refused = await work.git('push', 'origin', 'main')
  assert.match(refused.said, /git push -o replace=web\s*$/m)
  assert.doesNotMatch(refused.said, /destroy=db/)
  await set(fixture, { replace: 'allow' })
  assert.equal((await work.git('push', 'origin', 'main')).code, 0)
})

test('a store of before settings is migrated: its repositories have the defaults', async () => {
  const { openSqlite } = await import('#store/sqlite.ts')
  const { migrations } = await import('./migrations.ts')
  const store = openSqlite(':memory:')
  await store.migrate(migrations.slice(0, 1))
  const row = { repo, folded: repo, owner: 'ann', owner_folded: 'ann', branch: 'master', announced: null }
  const rest = { pushes: 0, created_at: 1, created_by: 'ann' }
  await store
    .as<{ git_repositories: object }>()
    .db.insertInto('git_repositories')
    .values({ ...row, ...rest })
    .execute()
  await store.migrate(migrations)
  const { getRepository, settingsOf } = await import('./records.ts')
  const settings = settingsOf(await getRepository(store.as<import('./tables.ts').Tables>().db, repo))
  assert.deepEqual(settings, { ...defaultSettings(), branch: 'master' })
  await store[Symbol.asyncDispose]()
})
