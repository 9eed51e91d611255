import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { keepMove } from './moves-journal.ts'
import type { Work } from './testing/client.ts'
import { assertWhole, type Fixture, node, open, pushes, sshUrl, startFixture } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'

async function createRefs(work: Work, names: readonly string[]): Promise<void> {
  const lines = names.map((name) => `update ${name} HEAD\n`).join('')
  const told = await work.client.run(
    'git',
    ['-c', 'core.fsync=none', 'update-ref', '--stdin'],
    work.folder,
    {},
    lines,
  )
  assert.equal(told.code, 0, told.said)
}

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

async function refsOf(fixture: Fixture, work: Work): Promise<string[]> {
  const listed = await work.must('--git-dir', fixture.bare, 'for-each-ref', '--format=%(refname)')
  return listed.split('\n').filter(Boolean)
}

async function httpRemote(fixture: Fixture, work: Work): Promise<void> {
  fixture.world.tokens.set('token', 'ann')
  const url = `http://ann:token@127.0.0.1:${fixture.http.port}/${repo}.git`
  await work.must('remote', 'set-url', 'origin', url)
}

for (const door of ['ssh', 'http'])
  test(`a push over ${door} moves 300 tags, 300 branches and the active branch, then deletes 300, each at once`, async () => {
    await using fixture = await startFixture()
    const work = await open(fixture)
    if (door === 'http') await httpRemote(fixture, work)
    const first = await work.commit({ 'nodes/web.yml': node('web') })
    await createRefs(work, [...numbered('refs/tags/t', 300), ...numbered('refs/heads/b', 300)])
    const told = await work.must('push', 'origin', 'main', 'refs/tags/*', 'refs/heads/b*')
    assert.match(told, /Branch b0 is stored, not applied: the servers follow main/)
    assert.match(told, /280 more branches are stored or deleted; the servers follow main/)
    assert.equal((await refsOf(fixture, work)).length, 601)
    const next = await work.commit({ 'nodes/db.yml': node('db') })
    await work.must('push', 'origin', 'main', ...numbered(':b', 300))
    assert.equal((await refsOf(fixture, work)).length, 301)
    assert.deepEqual(
      pushes(fixture).map(({ before, after }) => [before, after]),
      [
        [null, first],
        [first, next],
      ],
    )
    assert.deepEqual(
      fixture.world.audit.map(({ outcome }) => outcome),
      ['intent', 'done', 'intent', 'done'],
    )
    await assertWhole(fixture)
  })

test('a ref that Git cannot store keeps back the whole push, the active branch too, with a reason for each', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const first = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main', 'main:refs/tags/v1')
  await work.commit({ 'nodes/db.yml': node('db') })
  const told = await work.git('push', 'origin', 'main', 'main:refs/tags/v1/x', 'main:refs/heads/side')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /v1\/x \(.*'refs\/tags\/v1' exists/)
  assert.match(told.said, /main \(another ref of this push could not be moved\)/)
  assert.deepEqual(await refsOf(fixture, work), ['refs/heads/main', 'refs/tags/v1'])
  assert.equal((await fixture.bus.ask('git.get_repository', { repo })).commit, first)
  assert.equal(fixture.world.audit.at(-1)?.outcome, 'failed')
  await work.must('push', 'origin', 'main')
  assert.equal(pushes(fixture).length, 2)
})

for (const [what, had, wanted, said] of [
  ['below another', 'a', 'a/b', /a\/b and a cannot both be branches/],
  ['above another', 'a/b', 'a', /a and a\/b cannot both be branches/],
  ['below another in other case', 'A', 'a/b', /a\/b and A cannot both be branches/],
  ['that differs by case', 'Side', 'side', /side differs from the branch Side by upper and lower case only/],
] as const)
  test(`a branch ${what} is refused by name, also within one push`, async () => {
    await using fixture = await startFixture()
    const work = await open(fixture)
    await work.commit({ 'nodes/web.yml': node('web') })
    const both = await work.git(
      'push',
      'origin',
      'main',
      `main:refs/heads/${had}`,
      `main:refs/heads/${wanted}`,
    )
    assert.match(both.said, /cannot both be branches|by upper and lower case only/)
    assert.deepEqual(await refsOf(fixture, work), [])
    await work.must('push', 'origin', 'main', `main:refs/heads/${had}`)
    const told = await work.git('push', 'origin', `main:refs/heads/${wanted}`)
    assert.match(told.said, said)
    await work.must('push', 'origin', `:${had}`)
    await work.must('push', 'origin', `main:refs/heads/${wanted}`)
  })

for (const count of [11, 18_000])
  test(`a push of ${count} refs beyond the limit is refused with what to do`, async () => {
    await using fixture = await startFixture({ limits: { refs: 10 } })
    const work = await open(fixture)
    await work.commit({ 'nodes/web.yml': node('web') })
    await createRefs(work, numbered(`refs/tags/${'long'.repeat(40)}`, count))
    const told = await work.git('push', 'origin', 'refs/tags/*')
    assert.notEqual(told.code, 0)
    assert.match(
      told.said,
      /Refused: this push names (11 refs, more than 10|too many refs)\. Push them in parts/,
    )
    assert.deepEqual(await refsOf(fixture, work), [])
    await work.must('push', 'origin', 'main')
  })

test('a push that is being judged holds up no other repository and no reader of its own', async () => {
  await using fixture = await startFixture()
  const { world, bus } = fixture
  const work = await open(fixture)
  await bus.ask('git.create_repository', { repo: 'ann/other', by: 'ann' })
  await work.commit({ 'nodes/web.yml': node('web') })
  await createRefs(work, numbered('refs/tags/t', 200))
  const [entered, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { plan } = world
  world.plan = async (input, signal) => {
    world.plan = plan
    entered.resolve()
    await go.promise
    return plan(input, signal)
  }
  const pushed = work.must('push', 'origin', 'main', 'refs/tags/*')
  await entered.promise
  await work.must('push', sshUrl(fixture, 'ann/other'), 'main')
  assert.equal(await work.must('ls-remote', 'origin'), '')
  assert.deepEqual(await bus.ask('git.branches', { repo }), [])
  go.resolve()
  await pushed
})

test('what a kill cut between two refs is moved at the next start, and announced once, with who pushed it', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  // The objects come first, as in any push.
  await work.must('push', 'origin', 'main:refs/heads/objects')
  await fixture.stop()
  const updates = ['refs/heads/main', 'refs/tags/a', 'refs/tags/b'].map((ref) => ({
    ref,
    before: null,
    after: commit,
  }))
  await keepMove(fixture.bare, { user: 'ann', updates })
  await work.must('--git-dir', fixture.bare, 'update-ref', 'refs/tags/a', commit)
  await writeFile(join(fixture.bare, 'refs/heads/main.lock'), '')
  await fixture.restart()
  const refs = await refsOf(fixture, work)
  assert.deepEqual(refs, ['refs/heads/main', 'refs/heads/objects', 'refs/tags/a', 'refs/tags/b'])
  assert.deepEqual(
    pushes(fixture).map(({ after, by }) => [after, by]),
    [[commit, 'ann']],
  )
  await fixture.restart()
  assert.equal(pushes(fixture).length, 1)
})

test('a push of which nothing had moved when it was cut is dropped, and its locks with it', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main:refs/heads/objects')
  await fixture.stop()
  const updates = [{ ref: 'refs/heads/main', before: null, after: commit }]
  await keepMove(fixture.bare, { user: 'ann', updates })
  await writeFile(join(fixture.bare, 'refs/heads/main.lock'), '')
  await fixture.restart()
  assert.deepEqual(await refsOf(fixture, work), ['refs/heads/objects'])
  await work.must('push', 'origin', 'main')
  assert.equal(pushes(fixture).length, 1)
})
