import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import type { Work } from './testing/client.ts'
import { assertWhole, type Fixture, node, open, pushes, startFixture } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'

async function createRefs(work: Work, names: readonly string[]): Promise<void> {
  const lines = names.map((name) => `update ${name} HEAD\n`).join('')
  const told = await work.client.run('git', ['update-ref', '--stdin'], work.folder, {}, lines)
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
  test(`a push over ${door} moves 1,000 tags, 1,000 branches and the active branch, then deletes 1,000, each at once`, async () => {
    await using fixture = await startFixture()
    const work = await open(fixture)
    if (door === 'http') await httpRemote(fixture, work)
    const first = await work.commit({ 'nodes/web.yml': node('web') })
    await createRefs(work, [...numbered('refs/tags/t', 1000), ...numbered('refs/heads/b', 1000)])
    const told = await work.must('push', 'origin', 'main', 'refs/tags/*', 'refs/heads/b*')
    assert.match(told, /Branch b0 is stored, not applied: the servers follow main/)
    assert.match(told, /980 more branches are stored or deleted; the servers follow main/)
    assert.equal((await refsOf(fixture, work)).length, 2001)
    assert.deepEqual(
      pushes(fixture).map(({ before, after }) => [before, after]),
      [[null, first]],
    )
    const next = await work.commit({ 'nodes/db.yml': node('db') })
    await work.must('push', 'origin', 'main', ...numbered(':b', 1000))
    assert.equal((await refsOf(fixture, work)).length, 1001)
    assert.deepEqual(
      pushes(fixture).map(({ before, after }) => [before, after]),
      [
        [null, first],
        [first, next],
      ],
    )
    await assertWhole(fixture)
  })
