import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettings } from '#contracts/settings.ts'
import { isProblem } from '#kit/problem.ts'
import { until } from '#testing/until.ts'
import { CLOSED } from './deletions.ts'
import { SWEEP } from './sweep.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const conflict = (says: RegExp) => (error: unknown) =>
  isProblem(error, 'conflict') && says.test(error.message)

/** Rows of a repository, by table. */
async function rowsOf(world: World): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const tables = ['works', 'work_nodes', 'nodes', 'triggers', 'limits', 'schedules', 'deliveries'] as const
  for (const table of [...tables, 'watches', 'looks', 'plans', 'locks'] as const) {
    const rows = await world.store.db
      .selectFrom(`tasker_${table}`)
      .select('repo')
      .where('repo', '=', REPO)
      .execute()
    if (rows.length > 0) counts[table] = rows.length
  }
  for (const table of ['runs', 'run_steps', 'queue'] as const) {
    const rows = await world.store.db.selectFrom(`tasker_${table}`).selectAll().execute()
    if (rows.length > 0) counts[table] = rows.length
  }
  return counts
}

const remove = (world: World) => {
  world.tips.delete(REPO)
  const data = { repo: REPO, by: 'ann', at: world.clock.now() }
  return world.bus.publish('repo.deleted', { subject: REPO, data })
}

test('a repository that is being worked on cannot be closed, and says what goes on', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  const job = await world.nodeJob(1)
  await assert.rejects(
    world.bus.ask('tasker.close_repository', { repo: REPO }),
    conflict(/ann\/site is being worked on \(sync of 000000 on web\): wait for the end/),
  )
  await world.succeed(job)
  await until(async () => (await world.works(['running'])).length === 0)
  await world.bus.ask('tasker.close_repository', { repo: REPO })
})

test('nothing of a closed repository starts until it is opened again', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  await world.bus.ask('tasker.close_repository', { repo: REPO })
  await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  assert.equal((await world.works(['waiting'])).length, 1)
  assert.equal(world.nodeJobs.length, 0)
  await world.bus.ask('tasker.reopen_repository', { repo: REPO })
  await world.nodeJob(1)
})

test('a repository that was closed and not deleted opens by itself', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  await world.bus.ask('tasker.close_repository', { repo: REPO })
  await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  await world.clock.advance(CLOSED + SWEEP)
  await world.nodeJob(1)
})

test('of a deleted repository nothing stays: no work, run, delivery, plan nor setting', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web'], [aTask('t', ['one'], { crons: ['0 0 1 1 *'], events: ['repo.pushed'] })]))
  await until(async () => (await world.works()).length === 2)
  const settings = { ...defaultSettings(), runs_at_once: 3, drift_interval: 60 }
  await world.bus.publish('repo.settings_changed', {
    subject: REPO,
    data: { repo: REPO, settings, by: 'ann' },
  })
  await world.bus.ask('tasker.make_plan', { repo: REPO, by: 'ann' })
  await until(async () => (await rowsOf(world)).limits === 1)
  const [run] = await world.runs()
  await remove(world)
  await until(async () => Object.keys(await rowsOf(world)).length === 0)
  await assert.rejects(world.run(run?.id ?? ''), /There is no work/)
  assert.deepEqual(await world.runs(), [])
})

test('what comes after the deletion does nothing: a push, a value, settings, the end of a sync', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  const job = await world.nodeJob(1)
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  // Both have read the tip when the repository is deleted.
  world.onTip = async () => {
    asked.resolve()
    await answer.promise
  }
  const sync = world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' })
  await world.push(tip(2, ['web', 'db']))
  await asked.promise
  await remove(world)
  await until(async () => Object.keys(await rowsOf(world)).length === 0)
  world.onTip = async () => {}
  answer.resolve()
  await assert.rejects(sync, /There is no commit in ann\/site/)
  await world.succeed(job)
  const data = { repo: REPO, address: 'vars.a', nodes: ['web'], by: 'ann', work: null }
  await world.bus.publish('var.changed', { subject: REPO, data })
  await world.clock.advance(10_000)
  assert.deepEqual(await rowsOf(world), {})
})

test('settings of the former repository that are heard of late are not those of the next', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  const data = { repo: REPO, at: world.clock.now() + 10 }
  await world.bus.ask('tasker.forget_repository', data)
  const settings = { ...defaultSettings(), runs_at_once: 1, drift_interval: 0 }
  await world.bus.publish('repo.settings_changed', {
    subject: REPO,
    data: { repo: REPO, settings, by: 'ann' },
  })
  await world.clock.advance(100)
  const told = { ...settings, runs_at_once: 7 }
  await world.bus.publish('repo.settings_changed', {
    subject: REPO,
    data: { repo: REPO, settings: told, by: 'ann' },
  })
  await until(async () => (await rowsOf(world)).limits === 1)
  const rows = await world.store.db.selectFrom('tasker_limits').selectAll().execute()
  assert.equal(rows[0]?.runs_at_once, 7)
})

test('another repository of the name is not harmed by a deletion that is heard of late', async () => {
  await using world = await World.open()
  await world.push(tip(1, ['web']))
  await world.settleNodes()
  const at = world.clock.now()
  await world.bus.ask('tasker.forget_repository', { repo: REPO, at })
  await world.clock.advance(1000)
  await world.push(tip(2, ['web']))
  await world.settleNodes()
  await world.bus.publish('repo.deleted', { subject: REPO, data: { repo: REPO, by: 'ann', at } })
  await world.push(tip(3, ['web', 'db']))
  await until(() => world.nodeJobs.some(({ node }) => node === 'db'))
  assert.equal((await world.status('web'))?.status, 'synced')
})
