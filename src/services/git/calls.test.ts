import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { node, open, startFixture, task } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'

test('a new repository is empty, listed with its owner, and announced', async () => {
  await using fixture = await startFixture()
  const { bus } = fixture
  const expected = { repo, created_at: fixture.clock.now(), branch: 'main', commit: null }
  assert.deepEqual(await bus.ask('git.get_repository', { repo }), expected)
  assert.deepEqual(await bus.ask('git.list_repositories', {}), [expected])
  assert.deepEqual(await bus.ask('git.list_repositories', { owner: 'bob' }), [])
  const empty = { repo, commit: null, nodes: [], tasks: [], scripts: {}, services: [] }
  assert.deepEqual(await bus.ask('git.infrastructure', { repo }), empty)
  assert.deepEqual(await bus.ask('git.tree', { repo }), { commit: null, entries: [] })
  assert.deepEqual(await bus.ask('git.log', { repo, limit: 10 }), { from: null, commits: [], more: false })
  await until(() => fixture.events.some((event) => event.pattern === 'repo.created'))
})

test('infrastructure, tree, files and log are those of the commit asked for', async () => {
  await using fixture = await startFixture()
  const { bus } = fixture
  const work = await open(fixture)
  const first = await work.commit(
    { 'nodes/web.yml': node('web'), 'scripts/hi.sh': 'echo hi\n' },
    'first\n\nwith more',
  )
  const second = await work.commit({ 'tasks/look.yml': task('look', 'web'), 'données/é.txt': 'é' }, 'second')
  await work.must('push', 'origin', 'main')
  const now = await bus.ask('git.infrastructure', { repo })
  assert.equal(now.commit, second)
  assert.deepEqual([now.nodes.map((one) => one.id), now.tasks.map((one) => one.id)], [['web'], ['look']])
  assert.deepEqual(now.scripts, { 'scripts/hi.sh': 'echo hi\n' })
  const before = await bus.ask('git.infrastructure', { repo, commit: first })
  assert.deepEqual([before.commit, before.tasks], [first, []])
  const tree = await bus.ask('git.tree', { repo, commit: first, recursive: true })
  assert.deepEqual(
    tree.entries.map((one) => one.path),
    ['nodes/web.yml', 'scripts/hi.sh'],
  )
  assert.equal((await bus.ask('git.file', { repo, path: 'données/é.txt' })).content, 'é')
  const log = await bus.ask('git.log', { repo, limit: 10 })
  assert.deepEqual(
    log.commits.map((one) => [one.commit, one.author, one.message]),
    [
      [second, 'ann <ann@example.com>', 'second'],
      [first, 'ann <ann@example.com>', 'first\n\nwith more'],
    ],
  )
})

test('the infrastructure of a commit with errors is refused with its findings', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': 'id: [' })
  await work.must('push', 'origin', 'HEAD:refs/heads/idea')
  await assert.rejects(fixture.bus.ask('git.infrastructure', { repo, commit }), (error) =>
    isProblem(error, 'refused'),
  )
  const none = '0123456789012345678901234567890123456789'
  await assert.rejects(fixture.bus.ask('git.tree', { repo, commit: none }), (error) =>
    isProblem(error, 'not_found'),
  )
})

test('validate tells what a push of the files would be told', async () => {
  await using fixture = await startFixture()
  const good = await fixture.bus.ask('git.validate', {
    repo,
    files: [{ path: 'nodes/web.yml', content: node('web') }],
  })
  assert.deepEqual(
    good.filter((finding) => finding.severity === 'error'),
    [],
  )
  const bad = await fixture.bus.ask('git.validate', {
    repo,
    files: [{ path: 'nodes/web.yml', content: 'id: [' }],
  })
  assert.ok(bad.some((finding) => finding.severity === 'error' && finding.path === 'nodes/web.yml'))
})

test('a repository with servers cannot be deleted; without them it is gone for good', async () => {
  await using fixture = await startFixture()
  const { bus } = fixture
  fixture.world.servers.add('ann/infra/web')
  await assert.rejects(bus.ask('git.delete_repository', { repo, by: 'ann' }), (error) =>
    isProblem(error, 'conflict'),
  )
  fixture.world.servers.clear()
  await bus.ask('git.delete_repository', { repo, by: 'ann' })
  await assert.rejects(bus.ask('git.get_repository', { repo }), (error) => isProblem(error, 'not_found'))
  await assert.rejects(access(fixture.bare))
  await until(() => fixture.events.some((event) => event.pattern === 'repo.deleted'))
  await bus.ask('git.create_repository', { repo, by: 'ann' })
  assert.deepEqual((await bus.ask('git.log', { repo, limit: 1 })).commits, [])
})

test('a repository of which anything runs cannot be deleted, and one that could not be deleted is open again', async () => {
  await using fixture = await startFixture()
  const { bus, world } = fixture
  world.running = 'sync of 1234567 on web'
  await assert.rejects(
    bus.ask('git.delete_repository', { repo, by: 'ann' }),
    (error) => isProblem(error, 'conflict') && /sync of 1234567 on web/.test(error.message),
  )
  world.running = undefined
  world.servers.add('ann/infra/web')
  await assert.rejects(bus.ask('git.delete_repository', { repo, by: 'ann' }), /still has servers/)
  assert.equal(world.closed, false)
  world.servers.clear()
  await bus.ask('git.delete_repository', { repo, by: 'ann' })
})

test('a name is given again only when everybody has forgotten the former repository, and the next is younger', async () => {
  await using fixture = await startFixture()
  const { bus, world } = fixture
  const former = await bus.ask('git.get_repository', { repo })
  await bus.ask('git.delete_repository', { repo, by: 'ann' })
  world.remembers = 'logger'
  await assert.rejects(
    bus.ask('git.create_repository', { repo, by: 'bob' }),
    (error) =>
      isProblem(error, 'unanswered') &&
      /whether all of the former ann\/infra is gone: .*the disk is full/.test(error.message),
  )
  await assert.rejects(bus.ask('git.get_repository', { repo }), (error) => isProblem(error, 'not_found'))
  world.remembers = undefined
  world.forgotten.length = 0
  const next = await bus.ask('git.create_repository', { repo, by: 'bob' })
  const deleted = await until(() => fixture.events.find((event) => event.pattern === 'repo.deleted'))
  const { at = 0 } = deleted.data as { at?: number }
  assert.ok(former.created_at < at && at < next.created_at)
  assert.deepEqual(
    world.forgotten.toSorted(),
    ['logger', 'profiles', 'registry', 'tasker'].map((service) => [service, repo, at]),
  )
})
