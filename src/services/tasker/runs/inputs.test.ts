import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aTask, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'

const inputs = {
  version: { type: 'string' as const, required: true },
  count: { type: 'integer' as const, default: 2 },
}

async function open() {
  const world = await World.open()
  const task = { ...aTask('t', ['echo {{ version }} {{ count }} {{ vars.version }}']), inputs }
  world.tips.set(REPO, tip(1, ['web'], [task]))
  const start = (vars: Record<string, unknown>) =>
    world.bus.ask('tasker.start_run', { repo: REPO, task: 't', vars, by: 'ann' })
  return { world, start }
}

test('the values of inputs are variables of the steps, and of a retry; text is never a template', async () => {
  const { world, start } = await open()
  await using _ = world
  const run = await start({ version: '1.10 {{ count }}', count: '3' })
  const expected = "echo '1.10 {{ count }}' 3 '1.10 {{ count }}'"
  const job = await world.stepJob(1)
  assert.equal(job.script, expected)
  await world.finish(job, 'failure')
  await world.bus.ask('tasker.cancel', { repo: REPO, work: run.id, by: 'ann' }).catch(() => {})
})

test('an input that is missing, unknown or of another type starts nothing and is told with all the others', async () => {
  const { world, start } = await open()
  await using _ = world
  await assert.rejects(start({ versoin: 'x', count: 'many' }), {
    code: 'invalid',
    message:
      /unknown input "versoin", did you mean "version"\?; count: must be a whole number, got "many"; version: is required/,
  })
  assert.deepEqual(await world.runs(), [])
})

test('defaults stand in where nobody gives values', async () => {
  const { world, start } = await open()
  await using _ = world
  await start({ version: '1' })
  assert.equal((await world.stepJob(1)).script, 'echo 1 2 1')
})
