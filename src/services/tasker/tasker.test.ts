import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#testing/until.ts'
import { aTask, commitId, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

test('a push makes a node match, and its success starts the task that listens for it', async () => {
  await using world = await World.open()
  const deploy = aTask('deploy', ['echo one', 'echo two'], { events: ['node.web.create'] })
  await world.push(tip(1, ['web'], [deploy]))

  const job = await world.nodeJob(1)
  assert.deepEqual(
    { ...job, work: '' },
    { repo: REPO, node: 'web', work: '', commit: commitId(1), attempt: 1, goal: 'converge', agreed: false },
  )
  assert.equal((await world.status('web'))?.status, 'syncing')
  await world.succeed(job)

  const first = await world.stepJob(1)
  assert.equal(first.script, 'echo one')
  assert.equal(first.user, 'devops')
  await world.finish(first)
  await world.finish(await world.stepJob(2))

  const run = await until(async () => (await world.runs()).find((run) => run.state === 'succeeded'))
  assert.deepEqual(run.cause, { kind: 'event', by: 'ann', detail: 'node.web.create.success', depth: 1 })
  assert.deepEqual(
    run.steps.map(({ state }) => state),
    ['success', 'success'],
  )
  assert.equal((await world.status('web'))?.status, 'synced')
  assert.equal((await world.status('web'))?.commit, commitId(1))
})
