import assert from 'node:assert/strict'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { execute } from './testing/client.ts'
import { assertNothingLeft, type Fixture, node, open, startFixture } from './testing/fixture.ts'
import { make, repo } from './testing/made.ts'

failOnLeaks()

const file = (content: string) => [{ path: 'README', content }]
const NOWHERE = '1'.repeat(40)

async function twoCommits(fixture: Fixture): Promise<[string, string]> {
  const first = (await make(fixture, null, file('one'))).commit ?? ''
  return [first, (await make(fixture, first, file('two'))).commit ?? '']
}

/** Nothing in the repository can be read until the end. */
async function hideObjects({ bare }: Fixture): Promise<AsyncDisposable> {
  const objects = join(bare, 'objects')
  await rename(objects, `${objects}.away`)
  return { [Symbol.asyncDispose]: () => rename(`${objects}.away`, objects) }
}

const broken = (error: unknown) => isProblem(error, 'internal')

test('a repository that cannot be read is not one without the commit, for whoever asks for it', async () => {
  await using fixture = await startFixture()
  const { bus } = fixture
  const [first, second] = await twoCommits(fixture)
  const questions = {
    infrastructure: (commit: string) => bus.ask('git.infrastructure', { repo, commit }),
    tree: (commit: string) => bus.ask('git.tree', { repo, commit }),
    diff: (to: string) => bus.ask('git.diff', { repo, to }),
    rollback: (to: string) => bus.ask('git.rollback', { repo, to, by: 'ann' }),
  }
  for (const [name, question] of Object.entries(questions)) {
    await assert.rejects(question(NOWHERE), (error) => isProblem(error, 'not_found'), name)
    await using _away = await hideObjects(fixture)
    await assert.rejects(question(name === 'rollback' ? second : first), broken, name)
  }
})

test('a history that cannot be read is not one without the former commit', async () => {
  await using fixture = await startFixture()
  const { bus, bare } = fixture
  const packs = async () =>
    (await readdir(join(bare, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
  const first = (await make(fixture, null, file('one'))).commit ?? ''
  const former = await packs()
  const second = (await make(fixture, first, file('two'))).commit
  const [pack = ''] = (await packs()).filter((name) => !former.includes(name))
  await make(fixture, second, file('three'))
  // Every push is a pack of its own: the newest commit and the oldest stay readable, and what lies between does not.
  await rm(join(bare, 'objects/pack', pack))
  await assert.rejects(bus.ask('git.rollback', { repo, to: first, by: 'ann' }), broken)
})

test('a commit bears no other address while nobody can say whose address is right', async () => {
  await using fixture = await startFixture()
  const { world, bare } = fixture
  world.emails?.set('ann', 'ann@example.com')
  const first = (await make(fixture, null, file('one'))).commit
  const by = async () =>
    (await execute('git', ['--git-dir', bare, 'log', '--format=%ae'])).said.trim().split('\n')
  assert.deepEqual(await by(), ['ann@example.com'])
  world.emails = undefined
  await assert.rejects(make(fixture, first, file('two')), broken)
  assert.deepEqual(await by(), ['ann@example.com'])
  world.emails = new Map()
  await make(fixture, first, file('two'))
  assert.deepEqual(await by(), ['ann', 'ann@example.com'])
})

test('a push is refused while nobody can tell whether what it names is there, and taken once they can', async () => {
  await using fixture = await startFixture()
  const { world, bus } = fixture
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  for (const call of [
    'registry.list_variables',
    'registry.list_secrets',
    'profiles.repository_credentials',
  ]) {
    world.deaf = new Set([call])
    const told = await work.git('push', 'origin', 'main')
    assert.notEqual(told.code, 0, call)
    assert.match(told.said, /Refused: Nobody can tell whether the variables, secrets and credentials/, call)
    assert.equal((await bus.ask('git.get_repository', { repo })).commit, null)
    await assert.rejects(make(fixture, null, file('one')), (error) => isProblem(error), call)
  }
  await assertNothingLeft(fixture)
  world.deaf.clear()
  await work.must('push', 'origin', 'main')
})

test('a node that names a credential which is not there is refused', async () => {
  await using fixture = await startFixture()
  const { world } = fixture
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': `${node('web')}  credential: farm\n` })
  assert.match((await work.git('push', 'origin', 'main')).said, /credential/)
  world.credentials = ['farm']
  await work.must('push', 'origin', 'main')
})
