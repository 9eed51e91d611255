import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { type Fixture, node, open, pushes, startFixture } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'
const rollBack = (fixture: Fixture, to: string, more: object = {}) =>
  fixture.bus.ask('git.rollback', { repo, to, by: 'ann', ...more })
const refused = (code: 'invalid' | 'conflict' | 'not_found', says: RegExp) => (error: unknown) => {
  assert.ok(isProblem(error, code), String(error))
  assert.match(error.message, says)
  return true
}

test('a rollback is a new commit with the former files, announced like a push', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const good = await work.commit({ 'nodes/web.yml': node('web') })
  const bad = await work.commit({ 'nodes/db.yml': node('db') })
  const worse = await work.commit({ 'nodes/app.yml': node('app') })
  await work.must('push', 'origin', 'main')
  const done = await rollBack(fixture, good.slice(0, 7))
  assert.equal(done.to, good)
  assert.deepEqual(done.marked, [worse, bad])
  await until(() => pushes(fixture).length === 2)
  assert.deepEqual(pushes(fixture)[1], {
    repo,
    branch: 'main',
    before: worse,
    after: done.commit,
    by: 'ann',
  })
  await work.must('pull', '-q', 'origin', 'main')
  assert.equal((await work.must('ls-files')).trim(), 'nodes/web.yml')
  assert.match(
    await work.must('log', '-1', '--format=%an: %B'),
    /^ann: Roll back to .{7}: [\s\S]*Takes back 2 commits/,
  )
})

test('what was rolled back is not applied again: not by a push, not by another branch; what stands on it is', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const good = await work.commit({ 'nodes/web.yml': node('web') })
  const bad = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  await work.must('push', 'origin', `${bad}:refs/heads/other`)
  await rollBack(fixture, good)
  const again = await work.git('push', '--force', 'origin', `${bad}:main`)
  assert.match(again.said, /Refused: Commit .{7} was rolled back by ann and is not applied again/)
  await assert.rejects(
    fixture.bus.ask('git.set_settings', { repo, change: { branch: 'other' }, by: 'ann' }),
    (error) => isProblem(error, 'rolled_back'),
  )
  await fixture.restart()
  assert.match((await work.git('push', '--force', 'origin', `${bad}:main`)).said, /was rolled back by ann/)
  await work.must('pull', '-q', '--no-rebase', 'origin', 'main')
  const next = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  await until(() => pushes(fixture).some(({ after }) => after === next))
})

test('a rollback that cannot be marked moves nothing, and asked again it is done', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const good = await work.commit({ 'nodes/web.yml': node('web') })
  const bad = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  await sql`create trigger full before insert on git_marks begin select raise(abort, 'disk full'); end`.execute(
    fixture.store.db,
  )
  await assert.rejects(rollBack(fixture, good))
  assert.equal((await fixture.bus.ask('git.get_repository', { repo })).commit, bad)
  await sql`drop trigger full`.execute(fixture.store.db)
  const { commit } = await rollBack(fixture, good)
  assert.equal((await fixture.bus.ask('git.get_repository', { repo })).commit, commit)
})

test('files come back as they were: mode, and folder in the place of a file', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web'), 'scripts/run.sh': '#!/bin/sh\n', 'docs/a': 'a' })
  chmodSync(join(work.folder, 'scripts/run.sh'), 0o755)
  const good = await work.commit({ 'docs/b': 'b' })
  const listing = await work.must('ls-tree', '-r', good)
  await work.must('rm', '-rq', 'docs', 'scripts')
  await work.commit({ docs: 'a file' })
  await work.must('push', 'origin', 'main')
  await rollBack(fixture, good)
  await work.must('pull', '-q', 'origin', 'main')
  assert.match(listing, /100755/)
  assert.equal(await work.must('ls-tree', '-r', 'HEAD'), listing)
})

test('a commit that is not in the history, is the present state, or would lose a server unasked is refused', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/db')
  const work = await open(fixture)
  const good = await work.commit({ 'nodes/web.yml': node('web') })
  const tip = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  await work.must('checkout', '-q', '-b', 'aside', good)
  const aside = await work.commit({ 'nodes/app.yml': node('app') })
  await work.must('push', 'origin', 'aside')
  await assert.rejects(rollBack(fixture, 'abcdef1'), refused('not_found', /commit abcdef1/))
  await assert.rejects(rollBack(fixture, aside), refused('invalid', /not in the history of main/))
  await assert.rejects(rollBack(fixture, tip), refused('conflict', /main is as it was at/))
  await assert.rejects(
    rollBack(fixture, good),
    refused('conflict', /db: its descriptor is gone[\s\S]*--destroy db/),
  )
  assert.equal((await fixture.bus.ask('git.get_repository', { repo })).commit, tip)
  await rollBack(fixture, good, { destroy: ['db'] })
})
