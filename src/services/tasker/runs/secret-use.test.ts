import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { Step } from '#contracts/descriptors.ts'
import { isProblem } from '#kit/problem.ts'
import { until } from '#testing/until.ts'
import { aTask, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'

const KEY = 'hush-hush-hush'
const webhook = { path: 'hook', secret: 'ci', type: 'github' } as const
const triggers = { webhooks: [webhook], crons: ['0 5 * * *'], events: ['node.web.up'] }
const body = Buffer.from('{}')
const receive = (world: World, key = KEY) =>
  world.bus.ask('tasker.receive_webhook', {
    repo: REPO,
    path: 'hook',
    headers: {
      'content-type': 'application/json',
      'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
    },
    query: {},
    body: body.toString('base64'),
    from: '192.0.2.7',
  })

async function open(step: Step | string): Promise<World> {
  const world = await World.open()
  world.resolved = {
    vars: { url: `db:${KEY}` },
    secrets: { ci: KEY, other: 'not-used-here' },
    $secrets: [KEY, 'not-used-here'],
  }
  await world.push(tip(1, ['web'], [aTask('t', [step], triggers)]))
  await world.settleNodes()
  return world
}

const uses = ({ audit }: World) => audit.filter(({ details }) => 'step' in details)
const runOf = (world: World, kind: string) =>
  until(async () => (await world.runs()).find(({ cause }) => cause.kind === kind))

const starts: Record<
  string,
  [kind: string, actor: string | null, begin: (world: World) => Promise<unknown>]
> = {
  'a person': ['hand', 'ann', ({ bus }) => bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })],
  'a webhook': ['webhook', null, (world) => receive(world)],
  'a cron': ['cron', null, ({ clock }) => clock.advance(86_400_000)],
  'an event': [
    'event',
    null,
    ({ bus }) =>
      bus.publish('node.*.up', {
        name: 'web',
        subject: `${REPO}/web`,
        data: { repo: REPO, node: 'web', reason: null },
      }),
  ],
}

for (const [who, [kind, actor, begin]] of Object.entries(starts))
  test(`security 31: a step that ${who} starts gets its secret only once the audit says which, and for which run`, async () => {
    await using world = await open('login {{ secrets.ci }}')
    await begin(world)
    const run = await runOf(world, kind)
    const job = await until(() => world.stepJobs.find((one) => one.run === run.id))
    assert.match(job.script ?? '', /hush/)
    const [use] = uses(world)
    assert.deepEqual([use?.actor, use?.action, use?.repo], [actor, 'secret.use', REPO])
    assert.deepEqual(use?.details, { secrets: ['secrets.ci'], run: run.id, task: 't', step: 1, node: 'web' })
    assert.match(use?.cause ?? '', new RegExp(`^run ${run.id}: `))
    assert.ok(!JSON.stringify(world.audit).includes(KEY))
  })

const ways: Record<string, Step> = {
  'in its line': { run: 'login {{ secrets.ci }}' },
  'in its environment': { run: 'login', env: { KEY: '{{ secrets.ci }}' } },
  'by a variable': { run: 'login {{ url }}' },
  'through a filter': { run: 'login {{ secrets.ci | upcase | downcase | base64_encode }}' },
}

for (const [way, step] of Object.entries(ways))
  test(`security 31: with an audit that cannot be written no text of a step leaves that holds a secret ${way}; later it does`, async () => {
    await using world = await open(step)
    await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
    await world.stepJob(1)
    world.auditBroken = true
    const { id: run } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
    const ask = () => world.bus.ask('tasker.step_script', { repo: REPO, run, step: 0, node: 'web' })
    await assert.rejects(ask(), (error) => isProblem(error, 'unaudited'))
    world.auditBroken = false
    assert.ok(await ask())
    assert.deepEqual(uses(world).at(-1)?.details.secrets, ['secrets.ci'])
  })

test('a step without a secret asks nothing of the audit', async () => {
  await using world = await open('uptime')
  world.auditBroken = true
  await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  assert.equal((await world.stepJob(1)).script, 'uptime')
})

test('security 31: a step that sets a variable of a secret waits for the audit, and then goes on', async () => {
  await using world = await open('devops var set key {{ secrets.ci }}')
  world.auditBroken = true
  const { id } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  for (let i = 0; i < 10; i++) await world.clock.advance(5_000)
  assert.equal((await world.run(id)).state, 'running')
  assert.deepEqual(world.set, [])
  world.auditBroken = false
  await until(async () => {
    await world.clock.advance(5_000)
    return (await world.run(id)).state === 'succeeded'
  })
  assert.deepEqual(uses(world)[0]?.details.secrets, ['secrets.ci'])
  assert.equal(world.set.length, 1)
})

for (const [how, condition] of [
  ['names', 'secrets.ci == "hush-hush-hush"'],
  ['reads by a variable', 'url contains "hush"'],
] as const)
  test(`security 31: a condition that ${how} a secret is not judged until the audit says so`, async () => {
    await using world = await open({ run: 'uptime', if: condition })
    world.auditBroken = true
    const { id } = await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
    for (let i = 0; i < 10; i++) await world.clock.advance(5_000)
    assert.deepEqual([(await world.run(id)).state, world.stepJobs.length], ['running', 0])
    world.auditBroken = false
    await until(async () => {
      await world.clock.advance(5_000)
      return world.stepJobs.length > 0
    })
    assert.deepEqual(
      uses(world).map(({ details }) => details.secrets),
      [['secrets.ci']],
    )
  })

test('a condition without a secret asks nothing of the audit', async () => {
  await using world = await open({ run: 'uptime', if: 'run.id != ""' })
  world.auditBroken = true
  await world.bus.ask('tasker.start_run', { repo: REPO, task: 't', by: 'ann' })
  await world.stepJob(1)
})

test('security 31: a signed webhook starts nothing while the audit cannot be written; its secret and its run are recorded', async () => {
  await using world = await open('uptime')
  world.auditBroken = true
  await assert.rejects(receive(world), (error) => isProblem(error, 'unaudited'))
  assert.equal((await world.runs()).length, 0)
  world.auditBroken = false
  await assert.rejects(receive(world, 'wrong'), (error) => isProblem(error, 'unsigned'))
  assert.equal(world.audit.length, 0)
  const { run } = await receive(world)
  assert.deepEqual(
    world.audit.map(({ from, cause, details, outcome }) => ({ from, cause, details, outcome })),
    [
      { details: { secrets: ['secrets.ci'], task: 't' }, outcome: 'intent' },
      { details: { secrets: ['secrets.ci'], run }, outcome: 'done' },
    ].map((each) => ({ from: '192.0.2.7', cause: 'signature of webhook hook', ...each })),
  )
})
