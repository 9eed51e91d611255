import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Task } from '#contracts/descriptors.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import { inert, planLines, refusalLines, taskLines, watchLines } from './answer.ts'
import { lossLines } from './loss-lines.ts'

const MINUTE = 60_000
const nodePlan = (node: string, verdict: NodePlan['verdict'], more: Partial<NodePlan> = {}): NodePlan => ({
  node,
  verdict,
  changes: [],
  as_of: null,
  ...more,
})

test('a plan says for each node what will happen, and how old the knowledge is', () => {
  const changes: NodePlan['changes'] = [
    {
      resource: 'file:/etc/motd',
      verdict: 'change',
      summary: 'change file:/etc/motd: content',
      diff: '-old\n+new\n',
    },
    { resource: 'unit:nginx', verdict: 'unknown until it runs', summary: 'restart unit:nginx' },
    { resource: 'package:nginx', verdict: 'no change', summary: 'is there' },
  ]
  const plan = [
    nodePlan('web', 'change', { changes, as_of: 0 }),
    nodePlan('db', 'no change', { as_of: 0 }),
    nodePlan('new', 'create'),
    nodePlan('old', 'destroy'),
    nodePlan('lost', 'unknown', { reason: 'cannot be reached' }),
  ]
  assert.deepEqual(planLines(plan, 3 * MINUTE), [
    'Plan:',
    '  ~ web  change (2)  [as seen 3 min ago]',
    '      change file:/etc/motd: content',
    '        -old',
    '        +new',
    '      restart unit:nginx (unknown until it runs)',
    '  + new  create',
    '  - old  destroy',
    '  ? lost  unknown: cannot be reached  [never seen yet]',
    '  = unchanged: db  [as seen 3 min ago]',
  ])
})

test('a new node is one line, however much it gets', () => {
  const changes = Array.from({ length: 55 }, (_, i) => ({
    resource: `file:/${i}`,
    verdict: i === 0 ? ('skipped' as const) : ('change' as const),
    summary: `add file:/${i}`,
    diff: '+line',
  }))
  assert.deepEqual(planLines([nodePlan('web', 'create', { changes })], 0), [
    'Plan:',
    '  + web  create  54 resources: devops plan web',
  ])
  const waits = nodePlan('db', 'create', { reason: 'waits to be linked: devops link db' })
  assert.deepEqual(planLines([waits], 0), ['Plan:', '  + db  create: waits to be linked: devops link db'])
})

test('nodes that stay as they are take one line, however many they are', () => {
  const plan = Array.from({ length: 30 }, (_, i) => nodePlan(`n${i}`, 'no change', { as_of: i * MINUTE }))
  const names = plan.slice(0, 20).map(({ node }) => node)
  assert.deepEqual(planLines(plan, 31 * MINUTE), [
    'Plan:',
    `  = unchanged: ${names.join(', ')} and 10 more  [as seen between 31 min ago and 2 min ago]`,
  ])
})

test('a long plan is cut, and says where the rest is', () => {
  const changes = Array.from({ length: 30 }, (_, i) => ({
    resource: `file:/${i}`,
    verdict: 'change' as const,
    summary: 'will be written',
    diff: '+line\n'.repeat(i === 0 ? 50 : 0),
  }))
  const lines = planLines([nodePlan('web', 'change', { changes })], 0)
  assert.ok(lines.includes('        … and 30 lines more'))
  assert.equal(lines.at(-1), '      … and 10 more: devops plan')
})

test('tasks that came, changed and went are named with what starts them', () => {
  const task = (id: string, triggers: Partial<Task['triggers']> = {}): Task => ({
    id,
    type: 'task',
    vars: {},
    triggers: { webhooks: [], crons: [], events: [], ...triggers },
    targets: [],
    steps: [{ run: 'true' }],
  })
  const repo = (tasks: Task[]): Infrastructure => ({
    repo: 'ann/infra',
    commit: null,
    nodes: [],
    tasks,
    scripts: {},
    services: [],
  })
  const other = { crons: ['0 3 * * *', '0 5 * * *'] }
  const former = repo([task('same'), task('other', other), task('body'), task('gone')])
  const triggers = { webhooks: [{ path: 'hook' }], crons: ['0 3 * * *'], events: ['node.web.create'] }
  const next = repo([
    task('same'),
    task('other', { crons: ['0 3 * * *', '0 4 * * *'] }),
    { ...task('body'), steps: [{ run: 'false' }] },
    task('fresh', triggers),
  ])
  assert.deepEqual(taskLines(former, next), [
    'Tasks:',
    '  ~ other  now starts by cron 0 4 * * *; no longer by cron 0 5 * * *',
    '  ~ body  starts by hand, as before',
    '  + fresh  starts by webhook hook, cron 0 3 * * *, event node.web.create',
    '  - gone  removed',
  ])
  assert.deepEqual(taskLines(next, next), [])
})

test('the answer to a push says when an approval comes, goes or changes, and for whom', () => {
  const task = (approval?: Task['approval']): Task => ({
    id: 't',
    type: 'task',
    vars: {},
    triggers: { webhooks: [], crons: [], events: [] },
    targets: [],
    steps: [],
    ...(approval && { approval }),
  })
  const repo = (...tasks: Task[]) => ({
    repo: 'ann/infra',
    commit: null,
    nodes: [],
    tasks,
    scripts: {},
    services: [],
  })
  const admin = { by: 'admin', within: 86_400, other: true } as const
  const bob = { by: ['bob', 'eve'], within: 60, other: false }
  const said = (before: Task[], after: Task[]) => taskLines(repo(...before), repo(...after)).slice(1)
  assert.deepEqual(said([task()], [task(admin)]), [
    '  ~ t  starts by hand, as before; approval added: by an admin within 86400 s, not by whoever started the run',
  ])
  assert.deepEqual(said([task(bob)], [task()]), [
    '  ~ t  starts by hand, as before; approval removed: was by bob or eve within 60 s',
  ])
  assert.deepEqual(said([task(admin)], [task(bob)]), [
    '  ~ t  starts by hand, as before; approval changed: by bob or eve within 60 s, was by an admin within 86400 s, not by whoever started the run',
  ])
  assert.deepEqual(said([], [task(bob)]), [
    '  + t  starts by hand; approval added: by bob or eve within 60 s',
  ])
  assert.deepEqual(said([task(bob)], []), ['  - t  removed, with its approval by bob or eve within 60 s'])
  assert.deepEqual(said([task(bob)], [task(bob)]), [])
})

test('nothing to do is a sentence of its own', () => {
  assert.deepEqual(watchLines('ann/infra', [nodePlan('web', 'no change')]), ['The servers match already.'])
  assert.deepEqual(watchLines('ann/infra', undefined), ['Watch it: devops logs -f --repo=ann/infra'])
})

test('a refusal for want of consent says what to type', () => {
  assert.match(
    refusalLines({ destroy: ['a', 'b'], replace: ['c'] }).at(-1) ?? '',
    /git push -o destroy=a -o destroy=b -o replace=c$/,
  )
})

test('a refusal says which data go, and which stay on volumes', () => {
  const volumes = { db: { kept: ['d:/var/lib/postgresql'], left: ['logs:/srv/logs'] } }
  assert.deepEqual(lossLines({ destroy: [], replace: ['db', 'web'], volumes }), [
    'db: its server would be destroyed and made again, with all data but those of the volume d:/var/lib/postgresql, which the new server has; the volume logs:/srv/logs stays at the provider, but the new server does not have it',
    'web: its server would be destroyed with all data and made again',
  ])
  assert.deepEqual(lossLines({ destroy: ['db', 'own'], replace: [], volumes, linked: ['own'] }), [
    'db: its descriptor is gone, so its server and all data on it would be destroyed, with the volumes d:/var/lib/postgresql, logs:/srv/logs',
    'own: its descriptor is gone, so all that devo.ps made on its machine would be removed; the machine and data that are kept stay',
  ])
})

test('control characters are shown, not sent', () => {
  assert.equal(inert('a\tb\u001b[2J\r\u009b'), 'a\tb\\x1b[2J\\x0d\\x9b')
})
