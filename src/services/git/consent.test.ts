import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '#contracts/descriptors.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { type Fixture, node, open, pushes, startFixture } from './testing/fixture.ts'
import { make } from './testing/made.ts'

failOnLeaks()

const repo = 'ann/infra'
const tipOf = async (fixture: Fixture) => (await fixture.bus.ask('git.get_repository', { repo })).commit

/** What a question to the registry may come to besides an answer. */
const failures: Record<string, (fixture: Fixture) => void> = {
  'answers with an error': ({ world }) => {
    world.registry = async () => {
      throw new Error('the disk is full')
    }
  },
  'is not there': ({ world }) => {
    world.registry = async () => {
      throw new Problem('no_answer', { call: 'registry.list_nodes' })
    }
  },
  'says that nothing of the kind is found': ({ world }) => {
    world.registry = async () => {
      throw new Problem('not_found', { what: 'table registry_nodes' })
    }
  },
  'does not answer in time': ({ world, clock }) => {
    world.registry = (signal) => {
      void clock.advance(10_000)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))
    }
  },
}

async function withTwoServers(fixture: Fixture) {
  for (const id of ['web', 'db']) fixture.world.servers.add(`${repo}/${id}`)
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web'), 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  return { work, commit }
}

for (const [how, fail] of Object.entries(failures)) {
  test(`a push that removes a node is refused while the registry ${how}`, async () => {
    await using fixture = await startFixture()
    const { work, commit } = await withTwoServers(fixture)
    await work.commit({ 'nodes/web.yml': null })
    fail(fixture)
    const told = await work.git('push', 'origin', 'main')
    assert.notEqual(told.code, 0)
    assert.match(told.said, /Refused: Nobody can tell whether ann\/infra has servers that would be lost: /)
    assert.match(told.said, /Nothing was changed\. Try again in a moment/)
    assert.equal(await tipOf(fixture), commit)
    fixture.world.registry = undefined
    assert.match((await work.git('push', 'origin', 'main')).said, /git push -o destroy=web/)
  })

  test(`without a plan, a push of another size is refused while the registry ${how}`, async () => {
    await using fixture = await startFixture()
    const { work, commit } = await withTwoServers(fixture)
    fixture.world.plan = async () => {
      throw new Error('no plan today')
    }
    await work.commit({ 'nodes/web.yml': node('web', 'large') })
    fail(fixture)
    const told = await work.git('push', 'origin', 'main')
    assert.match(told.said, /Refused: Nobody can tell whether/)
    assert.equal(await tipOf(fixture), commit)
  })
}

test('a push that can lose nothing does not need the registry, and one that agrees to all of it neither', async () => {
  await using fixture = await startFixture()
  const { work } = await withTwoServers(fixture)
  failures['is not there']?.(fixture)
  fixture.world.plan = async () => {
    throw new Error('no plan today')
  }
  await work.commit({ 'nodes/app.yml': node('app') })
  await work.must('push', 'origin', 'main')
  await work.commit({ 'nodes/web.yml': null })
  await work.must('push', '-o', 'destroy=web', 'origin', 'main')
  await work.commit({ 'nodes/db.yml': null })
  await work.must('push', '-o', 'destroy=all', 'origin', 'main')
})

test('a commit, a rollback, another branch and a deletion are refused as a push is', async () => {
  await using fixture = await startFixture()
  const { work, commit } = await withTwoServers(fixture)
  await work.must('push', 'origin', 'main:refs/heads/small')
  const more = await work.commit({ 'nodes/app.yml': node('app') })
  await work.must('push', 'origin', 'main')
  fixture.world.servers.add(`${repo}/app`)
  failures['answers with an error']?.(fixture)
  const unanswered = (error: unknown) =>
    isProblem(error) && /Nobody can tell whether ann\/infra .*: .*the disk is full/.test(error.message)
  await assert.rejects(make(fixture, more, [{ path: 'nodes/app.yml', delete: true }]), unanswered)
  await assert.rejects(fixture.bus.ask('git.rollback', { repo, to: commit, by: 'ann' }), unanswered)
  await assert.rejects(
    fixture.bus.ask('git.set_settings', { repo, change: { branch: 'small' }, by: 'ann' }),
    unanswered,
  )
  await assert.rejects(fixture.bus.ask('git.delete_repository', { repo, by: 'ann' }), unanswered)
  assert.equal(await tipOf(fixture), more)
})

const cache: Service = {
  id: 'cache',
  requires: [],
  options: {},
  resources: [],
  commands: {},
} as unknown as Service

test('when the former commit cannot be read, the registry’s record says what would be lost', async () => {
  const catalog = [cache]
  await using fixture = await startFixture({ catalog })
  fixture.world.servers.add(`${repo}/web`)
  const work = await open(fixture)
  await work.commit({
    'nodes/web.yml': `${node('web')}services:\n  cache: '*'\n`,
    'nodes/db.yml': node('db'),
  })
  await work.must('push', 'origin', 'main')
  // The catalog of the next version has no such service any more, so what was good is not.
  catalog.length = 0
  await fixture.restart()
  await work.must('remote', 'set-url', 'origin', `ssh://git@127.0.0.1:${fixture.ssh.port}/${repo}.git`)
  await work.commit({ 'nodes/web.yml': null })
  const refused = await work.git('push', 'origin', 'main')
  assert.match(refused.said, /web: its descriptor is gone/)
  assert.match(refused.said, /git push -o destroy=web\s*$/m)
  failures['answers with an error']?.(fixture)
  assert.match((await work.git('push', 'origin', 'main')).said, /Refused: Nobody can tell whether/)
  fixture.world.registry = undefined
  await work.must('push', '-o', 'destroy=web', 'origin', 'main')
})

test('a node whose plan is not known needs consent to another size, as without a plan', async () => {
  await using fixture = await startFixture()
  const { work } = await withTwoServers(fixture)
  fixture.world.plan = async () => [{ node: 'web', verdict: 'unknown', changes: [], as_of: null }]
  await work.commit({ 'nodes/web.yml': node('web', 'large') })
  assert.match((await work.git('push', 'origin', 'main')).said, /git push -o replace=web/)
})

test('the announcement carries what was agreed to, by options and by settings', async () => {
  await using fixture = await startFixture()
  const { work } = await withTwoServers(fixture)
  await work.commit({ 'nodes/web.yml': null })
  await work.must('push', '-o', 'destroy=web', '-o', 'replace=db', 'origin', 'main')
  await until(() => pushes(fixture).length === 2)
  assert.equal(pushes(fixture)[0]?.agreed, undefined)
  assert.deepEqual(pushes(fixture)[1]?.agreed, { destroy: ['web'], replace: ['db'] })
  await work.commit({ 'nodes/app.yml': node('app') })
  await work.must('push', 'origin', 'main')
  await until(() => pushes(fixture).length === 3)
  assert.equal(pushes(fixture)[2]?.agreed, undefined)
  await fixture.bus.ask('git.set_settings', { repo, change: { destroy: 'allow' }, by: 'ann' })
  await work.commit({ 'nodes/db.yml': null })
  await work.must('push', 'origin', 'main')
  await until(() => pushes(fixture).length === 4)
  assert.deepEqual(pushes(fixture)[3]?.agreed, { destroy: ['all'], replace: [] })
})

test('what was agreed to is announced by the next start when the platform dies before it could', async () => {
  await using fixture = await startFixture()
  const { work, commit } = await withTwoServers(fixture)
  const after = await work.commit({ 'nodes/web.yml': null })
  await work.must('push', '-o', 'destroy=web', 'origin', 'main')
  await until(() => pushes(fixture).length === 2)
  await fixture.stop()
  // The record as it is between the move of the ref and its announcement.
  await fixture.store.db.updateTable('git_repositories').set({ announced: commit, pushes: 7 }).execute()
  await fixture.restart()
  const told = await until(() => pushes(fixture)[2])
  assert.deepEqual([told.after, told.agreed], [after, { destroy: ['web'], replace: [] }])
})
