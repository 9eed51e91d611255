import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#kit/problem.ts'
import { until } from '#testing/until.ts'
import { aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

const refer = { repo: REPO, by: 'ann' }
const approved = (id: string, by: 'write' | 'admin' | 'owner' | string[]) => ({
  ...aTask(id, ['one']),
  approval: { by, within: 3600, other: false },
})

/** A repository with a linked server, a run that has failed and one that waits for approval. */
async function open() {
  const world = await World.open()
  const { bus } = world
  bus.answer('registry.get_node', async ({ repo, node }) => ({
    ...{ repo, node, facts: {}, applied: null, created_at: null },
    server: {
      ...{ provider: 'ssh', id: node, host: '10.0.0.1', port: 22, user: 'devops' },
      ...{ host_keys: [], made_from: {} },
    },
  }))
  const tasks = [aTask('t', ['one']), approved('role', 'admin'), approved('named', ['ann'])]
  await world.push(tip(1, ['web'], tasks))
  await world.settleNodes()
  const start = (task: string) => bus.ask('tasker.start_run', { ...refer, task })
  const { id: failed } = await start('t')
  await world.finish(await world.stepJob(1), 'failure')
  await until(async () => (await world.run(failed)).ended_at !== null)
  const waiting = { role: (await start('role')).id, named: (await start('named')).id }
  return { world, bus, failed, waiting }
}

type Opened = Awaited<ReturnType<typeof open>>

const acts: Record<string, (opened: Opened) => Promise<unknown>> = {
  'a start of a run': ({ bus }) => bus.ask('tasker.start_run', { ...refer, task: 't' }),
  'a sync of a node': ({ bus }) => bus.ask('tasker.sync', { ...refer, node: 'web' }),
  'a sync of every node': ({ bus }) => bus.ask('tasker.sync', refer),
  'a retry of a run': ({ bus, failed }) =>
    bus.ask('tasker.retry_run', { ...refer, run: failed, failed: false }),
  'a retry of what failed': ({ bus, failed }) =>
    bus.ask('tasker.retry_run', { ...refer, run: failed, failed: true }),
  'an unlinking': ({ bus }) => bus.ask('tasker.unlink', { ...refer, node: 'web' }),
  'an approval by role': ({ bus, waiting }) =>
    bus.ask('tasker.consent', { ...refer, run: waiting.role, approve: true }),
  'an approval by who is named': ({ bus, waiting }) =>
    bus.ask('tasker.consent', { ...refer, run: waiting.named, approve: true }),
  'a refusal by role': ({ bus, waiting }) =>
    bus.ask('tasker.consent', { ...refer, run: waiting.role, approve: false }),
  'a refusal by who is named': ({ bus, waiting }) =>
    bus.ask('tasker.consent', { ...refer, run: waiting.named, approve: false }),
  'a cancelling of a run that waits': ({ bus, waiting }) =>
    bus.ask('tasker.cancel', { ...refer, work: waiting.role }),
}

/** All works, with what was decided about them. */
const seen = async ({ world }: Opened) => [await world.works(), await world.runs()]

for (const [what, act] of Object.entries(acts)) {
  test(`${what} is not done for somebody who has lost the right since it was asked for`, async () => {
    const opened = await open()
    await using world = opened.world
    const before = await seen(opened)
    // Whoever asked the first question, the API, was told yes.
    world.onAuthorize = refused
    await assert.rejects(act(opened), { code: 'forbidden' })
    assert.deepEqual(await seen(opened), before)
  })

  test(`${what} is not done for somebody who loses the right while the turn for it is long in coming`, async () => {
    const opened = await open()
    await using world = opened.world
    const before = await seen(opened)
    let questions = 0
    world.onAuthorize = async (input) => {
      if (++questions > 1) return refused(input)
      await world.clock.advance(3_000)
    }
    await assert.rejects(act(opened), { code: 'forbidden' })
    assert.ok(questions > 1)
    assert.deepEqual(await seen(opened), before)
  })

  test(`${what} is done for somebody who has the right still when a turn was long in coming`, async () => {
    const opened = await open()
    await using world = opened.world
    const before = await seen(opened)
    let questions = 0
    world.onAuthorize = async () => {
      if (++questions === 1) await world.clock.advance(3_000)
    }
    await act(opened)
    assert.notDeepEqual(await seen(opened), before)
  })
}

async function refused({ user, action }: { user: string; action: string }): Promise<never> {
  throw new Problem('forbidden', { user, action })
}

test('a run that runs is not cancelled for somebody who has lost the right', async () => {
  const opened = await open()
  await using world = opened.world
  const { id: work } = await world.bus.ask('tasker.start_run', { ...refer, task: 't' })
  await world.stepJob(2)
  world.forbidden.add('ann task.cancel')
  await assert.rejects(world.bus.ask('tasker.cancel', { ...refer, work }), { code: 'forbidden' })
  assert.equal((await world.run(work)).state, 'running')
  world.forbidden.clear()
  await world.bus.ask('tasker.cancel', { ...refer, work })
  await world.finish(await world.stepJob(2), 'stopped')
  await until(async () => (await world.run(work)).state === 'cancelled')
})

test('a commit is read again when it moves while the right is asked for', async () => {
  const opened = await open()
  await using world = opened.world
  let questions = 0
  world.onAuthorize = async () => {
    if (++questions === 1) {
      await world.push(tip(2, ['web', 'db'], [aTask('t', ['one'])]))
      await until(async () => (await world.status('db')) !== undefined)
    }
  }
  const works = await world.bus.ask('tasker.sync', refer)
  assert.deepEqual(works.map(({ commit, nodes }) => [commit, nodes]).toSorted(), [
    [tip(2, []).commit, ['db']],
    [tip(2, []).commit, ['web']],
  ])
})
