import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { embeddedBus } from '#bus/embedded.ts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import { Facts } from '#contracts/facts.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { createSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { registry } from '#services/registry/index.ts'
import { tasker } from '#services/tasker/index.ts'
import { openSqlite } from '#store/sqlite.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'

failOnLeaks()

const repo = 'ann/shop'

/** Where a variable can have a value, the strongest first: the table of docs/variables.md. */
const places = [
  'given at the start of the run',
  'the step: written in its descriptor',
  'the task: set',
  'the task: written in its descriptor',
  'the node: set',
  'the node: written in its descriptor',
  'the repository: set',
] as const
type Place = (typeof places)[number]

for (const [rank, winner] of places.entries()) {
  const present = new Set(places.slice(rank))
  test(`of ${present.size} values of a variable the one that wins is that of ${winner}`, async () => {
    await using platform = await start(present)
    assert.equal(await platform.stepText(), `echo '${winner}' '${winner}'`)
  })
}

test('every fact and every place of a variable stands in docs/variables.md', () => {
  const docs = readFileSync(join(import.meta.dirname, '../docs/variables.md'), 'utf8')
  for (const [name, fact] of Object.entries(Facts.properties)) {
    const parts = Object.keys('properties' in fact ? fact.properties : {})
    for (const address of parts.length > 0 ? parts.map((part) => `${name}.${part}`) : [name])
      assert.ok(
        ['`', '.'].some((end) => docs.includes(`\`${address}${end}`)),
        address,
      )
  }
  const rows = docs.split('\n').filter((line) => /^\| \d \|/.test(line))
  assert.equal(rows.length, places.length)
  for (const [rank, place] of places.entries()) assert.ok(rows[rank]?.includes(place), place)
})

test('a full address means the same in every place', async () => {
  await using platform = await start(new Set(places), '{{ web.vars.color }} {{ db.vars.color }}')
  assert.equal(await platform.stepText(), "echo 'the node: set' db")
})

test('a node of the name of a variable wins over every variable', async () => {
  await using platform = await start(new Set(places), '{{ db.id }}', 'db')
  assert.equal(await platform.stepText(), 'echo db')
})

/** Registry and tasker as they are; git and shazam are answers at the contract. */
async function start(present: ReadonlySet<Place>, text = '{{ color }} {{ vars.color }}', name = 'color') {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(openSqlite(':memory:'))
  const parts = { store, clock: systemClock, log: silentLog }
  const bus = stack.use(await embeddedBus({ ...parts, source: 'test' }))
  const written = (place: Place) => (present.has(place) ? { [name]: place } : {})
  const infrastructure: Infrastructure = {
    repo,
    commit: 'a'.repeat(40),
    nodes: [
      { ...node('web'), vars: written('the node: written in its descriptor') },
      { ...node('db'), vars: { color: 'db' } },
    ],
    tasks: [
      {
        id: 'deploy',
        type: 'task',
        vars: written('the task: written in its descriptor'),
        triggers: { webhooks: [], crons: [], events: [] },
        targets: ['web'],
        steps: [{ run: `echo ${text}`, vars: written('the step: written in its descriptor') }],
      },
    ],
    scripts: {},
    services: [],
  }
  stack.defer(bus.answer('git.infrastructure', async () => infrastructure))
  stack.defer(bus.answer('profiles.authorize', async () => ({})))
  stack.defer(bus.answer('logger.append', async () => ({ last: 0 })))
  const steps: { run: string; node: string }[] = []
  stack.defer(bus.work('shazam.steps', async (job) => void steps.push(job)))
  stack.use(
    await startService(registry, { ...parts, bus }, { catalog: [], seal: createSeal([Buffer.alloc(32)]) }),
  )
  stack.use(await startService(tasker, { ...parts, bus }, {}))
  for (const [scope, place] of [
    ['repo', 'the repository: set'],
    ['node:web', 'the node: set'],
    ['task:deploy', 'the task: set'],
  ] as const)
    if (present.has(place))
      await bus.ask('registry.set_variable', { repo, scope, name, value: place, by: 'ann' })
  const undo = stack.move()
  return {
    async stepText(): Promise<string | null> {
      const given = 'given at the start of the run'
      const vars = present.has(given) ? { [name]: given } : {}
      await bus.ask('tasker.start_run', { repo, task: 'deploy', vars, by: 'ann' })
      const { run, node } = await until(() => steps[0])
      const { script, error } = await bus.ask('tasker.step_script', { repo, run, step: 0, node })
      assert.equal(error, null)
      return script
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

const node = (id: string) => ({
  id,
  type: 'server' as const,
  provider: { name: 'ssh' },
  services: {},
  configuration: {},
})
