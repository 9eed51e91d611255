import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
let webhookSecret: string

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('hooks')
  see = watch(ann, clone.repo, plane)
  webhookSecret = randomBytes(24).toString('base64')
  const set = await devops('secret', 'set', 'hook', webhookSecret)
  assert.equal(set.code, 0, set.text)
  await push({
    'nodes/one.yml': server('one'),
    'tasks/created.yml': task(
      'created',
      'triggers: { events: [node.*.create] }',
      'echo made {{ event.node }}',
    ),
    'tasks/minutely.yml': task('minutely', "triggers: { crons: ['* * * * *'] }", 'echo {{ run.cause.kind }}'),
  })
  await see.synced('one')
})
after(() => plane?.[Symbol.asyncDispose]())

const task = (id: string, keys: string, run: string) =>
  `id: ${id}\nname: ${id}\ntype: task\ntargets: [one]\n${keys}\nsteps:\n  - run: ${JSON.stringify(run)}\n`
const push = async (files: Record<string, string | null>) => {
  clone.write(files)
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
}
const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)
const linesOf = async (run: string) => (await see.logs(`work=${run}`)).map(({ text }) => text)
const started = async (id: string, count = 1) => {
  const runs = await see.ended(id, count)
  assert.deepEqual(
    runs.map(({ state }) => state),
    Array(runs.length).fill('succeeded'),
  )
  return runs
}

async function deliver(path: string, body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${plane.url}/hooks/${clone.repo}/${path}`, { method: 'POST', body, headers })
  return {
    status: answer.status,
    ...((await answer.json()) as { run: string; address: string; delivery: string }),
  }
}

test('a node that was created starts the task that waits for it', async () => {
  const [run] = await started('created')
  assert.equal(run?.cause.detail, 'node.one.create.success')
  assert.ok((await linesOf(run?.id ?? '')).includes('made one'))
})

test('webhooks take GitHub, Standard Webhooks and anybody, with each kind of body, and can be delivered again', async () => {
  const hook = (path: string, more = '') => `triggers: { webhooks: [{ path: ${path}${more} }] }`
  await push({
    'tasks/open.yml': task('open', hook('open'), 'echo got {{ payload }}'),
    'tasks/github.yml': task(
      'github',
      hook('ci/github', ', secret: hook, type: github'),
      'echo {{ request.headers.x-github-event }} of {{ payload.ref }}',
    ),
    'tasks/standard.yml': task(
      'standard',
      hook('standard', ', secret: hook, type: standard'),
      'echo {{ payload.n }}',
    ),
  })
  for (const [body, type] of [
    ['{"a":1}', 'application/json'],
    ['a=1', 'application/x-www-form-urlencoded'],
    ['plain; $(touch /tmp/owned)', 'text/plain'],
    ['', 'text/plain'],
  ] as const)
    assert.equal((await deliver('open', body, { 'content-type': type })).status, 202)
  const said = await Promise.all((await started('open', 4)).map(({ id }) => linesOf(id)))
  for (const line of ['got {"a":1}', 'got {"a":"1"}', 'got plain; $(touch /tmp/owned)', 'got '])
    assert.ok(
      said.some((lines) => lines.includes(line) || lines.includes(line.trim())),
      `${line}: ${said}`,
    )
  const { server: one } = await see.node('one')
  assert.match(await onServer(one?.id ?? '', 'test -e /tmp/owned || echo absent'), /absent/)

  const body = '{"ref":"main"}'
  const signature = `sha256=${createHmac('sha256', webhookSecret).update(body).digest('hex')}`
  const github = { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': 'd1' }
  assert.equal((await deliver('ci/github', body, github)).status, 401)
  const first = await deliver('ci/github', body, { ...github, 'x-hub-signature-256': signature })
  const again = await deliver('ci/github', body, { ...github, 'x-hub-signature-256': signature })
  assert.deepEqual([first.status, again.status, again.address], [202, 202, first.address])
  assert.equal((await ann.api<{ id: string }>('GET', first.address)).id, first.run)
  const [run] = await started('github')
  assert.ok((await linesOf(run?.id ?? '')).includes('push of main'))

  const now = new Date()
  const standard = {
    'content-type': 'application/json',
    'webhook-id': 'm1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(webhookSecret).sign('m1', now, '{"n":7}'),
  }
  assert.equal((await deliver('standard', '{"n":7}', standard)).status, 202)
  const [other] = await started('standard')
  assert.ok((await linesOf(other?.id ?? '')).includes('7'))

  const listed = await devops('webhook', 'deliveries', 'ci/github')
  assert.match(listed.text, /401 .* it has no X-Hub-Signature-256/)
  assert.match((await devops('webhook', 'show', first.delivery)).text, /"ref": "main"/)
  const redelivered = await devops('webhook', 'redeliver', first.delivery)
  assert.match(redelivered.text, /^Delivered again: run \w+ of github\.$/m)
  await started('github', 2)
  assert.match(
    (await devops('list', 'webhooks')).text,
    new RegExp(`${plane.url}/hooks/${clone.repo}/ci/github +github +github, hook`),
  )
  assert.match((await devops('list', 'runs', 'github')).text, /webhook ci\/github from 127\.0\.0\.1/)
})

test('events of updates, of tasks and of pushes start tasks', async () => {
  await push({
    'nodes/one.yml': server('one', 'vars: { a: 1 }\nconfiguration:\n  server: { hostname: other }\n'),
    'tasks/pushed.yml': task(
      'pushed',
      'triggers: { events: [repo.pushed] }',
      'echo pushed by {{ event.by }}',
    ),
    'tasks/updated.yml': task(
      'updated',
      'triggers: { events: [node.one.update] }',
      'echo updated {{ event.node }}',
    ),
    'tasks/chained.yml': task(
      'chained',
      'triggers: { events: [task.updated.run] }',
      'echo after {{ event.task }}',
    ),
  })
  for (const [id, line] of [
    ['pushed', 'pushed by ann'],
    ['updated', 'updated one'],
    ['chained', 'after updated'],
  ] as const) {
    const [run] = await started(id)
    assert.ok((await linesOf(run?.id ?? '')).includes(line), line)
  }
  assert.match((await devops('list', 'runs', 'chained')).text, /event task\.updated\.run\.success, 2 deep/)
})

test('a run by hand takes values for its inputs, and refuses what does not fit', async () => {
  await push({
    'tasks/deploy.yml': task(
      'deploy',
      "inputs:\n  version: { required: true, pattern: '^[0-9.]+$' }\n  count: { type: integer, default: 2 }",
      'echo version {{ version }} times {{ count }}',
    ),
  })
  const ran = await devops('run', 'deploy', 'version=1.10', 'count=3')
  assert.equal(ran.code, 0, ran.text)
  assert.match(ran.text, /version 1\.10 times 3/)
  const wrong = await devops('run', 'deploy', 'versoin=1', 'count=many')
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.text, /unknown input "versoin", did you mean "version"\?/)
  assert.match(wrong.text, /count: must be a whole number, got "many"; version: is required/)
})

test('a cron starts its task when its minute comes', async () => {
  assert.match((await devops('list', 'crons')).text, /minutely +\* \* \* \* \* +UTC/)
  const [run] = await started('minutely')
  assert.equal(run?.cause.kind, 'cron')
  assert.ok((await linesOf(run?.id ?? '')).includes('cron'))
})
