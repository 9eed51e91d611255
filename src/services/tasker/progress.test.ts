import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#testing/until.ts'
import { tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const progress = { at: 31, of: 55, resource: 'package:nginx', since: Date.UTC(2026, 0, 1) }

test('a running sync says where it is; another attempt, another repository and an ended one say nothing', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web', 'db']))
  const job = await world.nodeJob(1)
  const note = (more: object = {}) =>
    world.bus.ask('tasker.note_progress', {
      repo: REPO,
      work: job.work,
      attempt: job.attempt,
      progress,
      ...more,
    })
  const told = async () => (await world.bus.ask('tasker.get_work', { repo: REPO, work: job.work })).progress
  assert.equal(await told(), null)
  await note({ attempt: job.attempt + 1 })
  await note({ repo: 'bob/other' })
  assert.equal(await told(), null)
  await note()
  assert.deepEqual(await told(), progress)
  const others = (await world.works(['running', 'waiting'])).filter(({ id }) => id !== job.work)
  assert.ok(others.length > 0)
  assert.ok(others.every((work) => work.progress === null))
  await world.succeed(job)
  await until(
    async () =>
      (await world.bus.ask('tasker.get_work', { repo: REPO, work: job.work })).state === 'succeeded',
  )
  assert.equal(await told(), null)
  await note({ progress: { ...progress, at: 32 } })
  assert.equal(await told(), null)
})
