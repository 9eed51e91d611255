import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('jobs')
  see = watch(ann, clone.repo, plane)
  clone.write({ 'nodes/one.yml': server('one', 'vars:\n  colour: red\n'), 'nodes/two.yml': server('two') })
  await clone.push('two servers')
  await see.synced('one')
  await see.synced('two')
})
after(() => plane?.[Symbol.asyncDispose]())

const task = (id: string, more: string) => `id: ${id}\nname: ${id}\ntype: task\n${more}`
const push = async (files: Record<string, string | null>) => {
  clone.write(files)
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
}
const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)

test('lines, scripts and commands run on every target with the values of the infrastructure', async () => {
  await push({
    'scripts/who.py': '#!/usr/bin/perl\nprint "script says {{ one.vars.colour }}\\n";\n',
    'tasks/all.yml': task(
      'all',
      `targets: [one, two]
vars:
  what: "it's $(inert); \`really\`"
steps:
  - run: echo {{ what }} on $(hostname), next to {{ one.ip }}
  - run: devops scripts/who.py
    targets: [two]
  - run: devops git config
    options: {user: Somebody, email: somebody@localhost}
`,
    ),
  })
  const answer = await devops('run', 'all')
  assert.equal(answer.code, 0, answer.text)
  const one = (await see.node('one')).server?.host
  assert.ok(answer.text.includes(`it's $(inert); \`really\` on two, next to ${one}`), answer.text)
  assert.match(answer.text, /script says red/)
  const two = (await see.node('two')).server?.id ?? ''
  assert.match(await onServer(two, 'sudo -iu devops git config --global user.name'), /^Somebody$/m)
})

test('a step that fails stops the run, names the step and the node, and leaves the rest undone', async () => {
  await push({
    'tasks/broken.yml': task(
      'broken',
      'targets: [one]\nsteps:\n  - name: Break\n    run: echo so far; exit 3\n  - run: touch /tmp/after\n',
    ),
  })
  const answer = await devops('run', 'broken')
  assert.equal(answer.code, 1)
  assert.match(answer.text, /so far/)
  assert.match(answer.text, /Break.*one|one.*Break/)
  const [run] = await see.ended('broken')
  assert.equal(run?.state, 'failed')
  assert.deepEqual(
    run?.steps.map(({ state, exit }) => [state, exit]),
    [
      ['failure', 3],
      ['skipped', null],
    ],
  )
  const one = (await see.node('one')).server?.id ?? ''
  assert.match(await onServer(one, 'test -e /tmp/after || echo absent'), /absent/)
})

test('a task that listens to another runs after it, once, and knows why', async () => {
  await push({
    'tasks/first.yml': task('first', 'targets: [one]\nsteps:\n  - run: "true"\n'),
    'tasks/second.yml': task(
      'second',
      'triggers:\n  events: [task.first.run]\ntargets: [two]\nsteps:\n  - run: echo after {{ event.type }}\n',
    ),
  })
  await devops('run', 'first')
  const [run] = await see.ended('second')
  assert.equal(run?.state, 'succeeded')
  assert.equal(run?.cause.kind, 'event')
  const lines = await see.logs(`work=${run?.id}`)
  assert.ok(lines.some(({ text }) => text === 'after task.first.run.success'))
})

test('a run and a sync never meet on a node: the sync waits and says for what', async () => {
  await push({
    'tasks/slow.yml': task(
      'slow',
      'targets: [one]\nsteps:\n  - run: while ! test -e /tmp/go; do sleep 0.1; done\n',
    ),
  })
  await devops('run', 'slow', '--no-wait')
  await see.eventually('the run runs', async () => (await see.runs('slow'))[0]?.state === 'running')
  await devops('sync', 'one', '--no-wait')
  const waiting = await see.eventually('a sync that waits', async () =>
    (await see.works()).find(({ kind, state }) => kind === 'sync' && state === 'waiting'),
  )
  assert.match(waiting.waits_for ?? '', /waits for node one: run of slow/)
  const status = await devops('status')
  assert.match(status.text, /waits for node one: run of slow/)
  await onServer((await see.node('one')).server?.id ?? '', 'touch /tmp/go')
  await see.idle()
})

test('a cancelled run stops its process on the node', async () => {
  await push({
    'tasks/endless.yml': task('endless', 'targets: [two]\nsteps:\n  - run: echo begun; sleep 98765\n'),
  })
  await devops('run', 'endless', '--no-wait')
  const run = await see.eventually('the first line', async () => {
    const [found] = await see.runs('endless')
    return found && (await see.logs(`work=${found.id}`)).some(({ text }) => text === 'begun') && found
  })
  const answer = await devops('cancel', run.id)
  assert.equal(answer.code, 0, answer.text)
  await see.idle()
  assert.equal((await see.runs('endless'))[0]?.state, 'cancelled')
  const two = (await see.node('two')).server?.id ?? ''
  assert.equal(await onServer(two, 'pgrep -x sleep -a || true'), '')
})
