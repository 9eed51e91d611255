import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { execute } from './testing/client.ts'
import { assertNothingLeft, assertWhole, node, open, pushes, startFixture } from './testing/fixture.ts'

failOnLeaks()

test('a branch that moved before we were killed is announced at the next start, with who moved it', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const before = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const after = await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'HEAD:refs/heads/aside')
  await fixture.stop()
  // What git has done when the platform dies between the ref update and the announcement.
  await execute('git', ['--git-dir', fixture.bare, 'update-ref', '-m', 'push', 'refs/heads/main', after], {
    env: { PATH: process.env.PATH ?? '', GIT_COMMITTER_NAME: 'bob', GIT_COMMITTER_EMAIL: 'bob' },
  })
  await fixture.restart()
  await until(() => pushes(fixture).length === 2)
  assert.deepEqual(pushes(fixture)[1], { repo: 'ann/infra', branch: 'main', before, after, by: 'bob' })
  await fixture.restart()
  assert.equal(pushes(fixture).length, 2)
})

test('a push that is judged while the platform stops is refused and leaves nothing', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const asked = Promise.withResolvers<void>()
  fixture.world.plan = (_, signal) => {
    asked.resolve()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
  }
  await work.commit({ 'nodes/web.yml': node('web') })
  const push = work.git('push', 'origin', 'main')
  await asked.promise
  await fixture.stop()
  assert.notEqual((await push).code, 0)
  await assertNothingLeft(fixture)
})

test('a client that goes away during the judgement leaves nothing, and the next push is not held up', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const gone = new AbortController()
  fixture.world.plan = async (_, signal) => {
    gone.abort()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    throw new Error('nobody waits')
  }
  const { spawn } = await import('node:child_process')
  const push = spawn('git', ['push', 'origin', 'main'], {
    cwd: work.folder,
    env: work.client.env,
    detached: true,
  })
  gone.signal.addEventListener('abort', () => process.kill(-(push.pid ?? 0), 'SIGKILL'))
  await new Promise((resolve) => push.on('close', resolve))
  fixture.world.plan = async () => []
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
  await until(() => pushes(fixture).length === 1)
  await assertWhole(fixture)
})

test('what a killed git left of its quarantine is gone after the next start', async () => {
  await using fixture = await startFixture()
  await fixture.stop()
  const left = join(fixture.bare, 'objects/tmp_objdir-incoming-AbCdEf')
  await mkdir(join(left, 'pack'), { recursive: true })
  await writeFile(join(left, 'pack/tmp_pack_x'), 'half')
  await fixture.restart()
  await assertNothingLeft(fixture)
})

test('a folder that a crash left under a name does not stop the repository from being made', async () => {
  await using fixture = await startFixture({ repo: null })
  await mkdir(join(fixture.bare, 'objects'), { recursive: true })
  const made = await fixture.bus.ask('git.create_repository', { repo: 'ann/infra', by: 'ann' })
  assert.equal(made.commit, null)
  await assertWhole(fixture)
})

test('a push that could not be announced is announced when the store is well again', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await fixture.store.db.schema.alterTable('git_repositories').renameColumn('pushes', 'away').execute()
  const heal = () =>
    fixture.store.db.schema.alterTable('git_repositories').renameColumn('away', 'pushes').execute()
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
  assert.equal(pushes(fixture).length, 0)
  await heal()
  await until(async () => {
    await fixture.clock.advance(5000)
    return pushes(fixture).length === 1
  })
  assert.equal(pushes(fixture)[0]?.after, commit)
})

test('many pushes are joined into few packs', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const packs = async () =>
    (await readdir(join(fixture.bare, 'objects/pack'))).filter((name) => name.endsWith('.pack')).length
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const pack = join(fixture.bare, 'objects/pack')
  for (let i = 0; i < 60; i++) {
    const one = await work.client.run(
      'sh',
      ['-c', `echo ${i} | git hash-object -w --stdin | git pack-objects -q ${pack}/pack`],
      work.folder,
    )
    assert.equal(one.code, 0, one.said)
  }
  await work.commit({ 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  await until(async () => (await packs()) < 5)
  await assertWhole(fixture)
})
