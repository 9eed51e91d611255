import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { assertNothingLeft, node, open, startFixture } from './testing/fixture.ts'

failOnLeaks()

const repo = 'ann/infra'

test('a push whose right is taken away while it is judged is refused, and leaves nothing', async () => {
  await using fixture = await startFixture()
  const { world, bus } = fixture
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const plan = world.plan
  world.plan = async (input, signal) => {
    world.forbidden.add(`ann repo.write ${repo}`)
    return plan(input, signal)
  }
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /Refused: /)
  assert.equal((await bus.ask('git.get_repository', { repo })).commit, null)
  assert.ok(world.audit.every(({ outcome }) => outcome === 'refused'))
  await assertNothingLeft(fixture)
})

test('a push whose key leaves the profile while it is judged is refused', async () => {
  await using fixture = await startFixture()
  const { world, bus } = fixture
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const plan = world.plan
  world.plan = async (input, signal) => {
    world.keys.clear()
    return plan(input, signal)
  }
  assert.notEqual((await work.git('push', 'origin', 'main')).code, 0)
  assert.equal((await bus.ask('git.get_repository', { repo })).commit, null)
})

test('who may no longer delete a repository or change its settings does not, when the turn comes', async () => {
  await using fixture = await startFixture()
  const { world, bus } = fixture
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  world.forbidden.add(`ann repo.delete ${repo}`).add(`ann settings.write ${repo}`)
  await assert.rejects(bus.ask('git.delete_repository', { repo, by: 'ann' }), /may not/)
  await assert.rejects(bus.ask('git.set_settings', { repo, change: { heal: true }, by: 'ann' }), /may not/)
  assert.equal((await bus.ask('git.get_settings', { repo })).heal, false)
})
