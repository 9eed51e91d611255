import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import type { Run } from '#contracts/tasker.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

const docker = promisify(execFile)
const nodes = ['a', 'b', 'c', 'd']

let plane: Plane
let ann: Person
let bob: Person
let clone: Clone
let see: Watch
const containers = new Map<string, string>()

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  bob = await plane.person('bob')
  clone = await ann.repository('jobs')
  see = watch(ann, clone.repo, plane)
  await ann.api('PUT', `/v1/repos/${clone.repo}/collaborators/bob`, { role: 'admin' })
  await push(Object.fromEntries(nodes.map((id) => [`nodes/${id}.yml`, server(id)])))
  for (const id of nodes) containers.set(id, (await see.synced(id)).server?.id ?? '')
})
after(() => plane?.[Symbol.asyncDispose]())

const task = (id: string, more: string) => `id: ${id}\nname: ${id}\ntype: task\n${more}`
const push = async (files: Record<string, string | null>) => {
  clone.write(files)
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
}
const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)
const on = (node: string, line: string) => onServer(containers.get(node) ?? '', line)
const latest = async (id: string): Promise<Run> => {
  const [run] = await see.runs(id)
  assert.ok(run)
  return run
}
const states = ({ steps }: Run) => steps.map(({ step, node, state }) => `${step} ${node} ${state}`)
const waiting = (id: string) =>
  see.eventually(`a run of ${id} that waits for approval`, async () =>
    (await see.runs(id)).find(({ waits_for }) => waits_for?.startsWith('waits for approval')),
  )

test('each key of a step does on a real server what it says', async () => {
  await push({
    'scripts/count.py': '#!/usr/bin/perl\nprint "argument {{ vars.word }} and $ENV{SECRET_WORD}\\n";\n',
    'tasks/keys.yml': task(
      'keys',
      `targets: [a]
vars: { word: plain }
steps:
  - id: build
    name: Build it
    run: |
      echo "version=1.$((1 + 1))" >>"$DEVOPS_OUTPUT"
      printf 'notes<<END\\nfirst\\nsecond\\nEND\\n' >>"$DEVOPS_OUTPUT"
      id -un; echo "$MODE"
    outputs: [version, notes]
    env: { MODE: "it's {{ vars.word }}; \`really\`" }
    user: www-data
  - run: echo built {{ steps.build.outputs.version }} as {{ steps.build.outputs.notes }}
    if: steps.build.outputs.version == "1.2"
  - { run: echo never, if: steps.build.outputs.version == "2" }
  - run: devops scripts/count.py
    env: { SECRET_WORD: 'a "quoted" $word' }
  - { run: exit 3, continue_on_error: true }
  - run: test -e /tmp/tried || { touch /tmp/tried; exit 1; }
    retries: { count: 2, pause: 0 }
  - run: devops var set release {{ steps.build.outputs.version }}
  - run: ls -A /var/lib/devops/runs | wc -l; echo "leftover $(ls /tmp/devops_task 2>/dev/null)"
`,
    ),
  })
  const { code, text } = await devops('run', 'keys')
  assert.equal(code, 0, text)
  for (const line of [
    'www-data',
    "it's plain; `really`",
    'built 1.2 as first',
    'argument plain and a "quoted" $word',
  ])
    assert.ok(text.includes(line), `${line}\n${text}`)
  const run = await latest('keys')
  assert.deepEqual(
    run.steps.map(({ state, attempt }) => `${state} ${attempt}`),
    ['success 1', 'success 1', 'skipped 0', 'success 1', 'failure 1', 'success 2', 'success 1', 'success 1'],
  )
  assert.match((await devops('var', 'get', 'release')).text, /1\.2/)
})

test('a step that takes too long is ended with all its children', async () => {
  await push({
    'tasks/slow.yml': task(
      'slow',
      "targets: [a]\nsteps:\n  - { run: 'sleep 4242 & sleep 4243', timeout: 1s }\n",
    ),
  })
  const { code, text } = await devops('run', 'slow')
  assert.equal(code, 1)
  assert.match(text, /failed on a: timed out after 1 s/)
  assert.equal(await on('a', 'pgrep -f "sleep 424[23]" || echo none'), 'none\n')
})

test('independent steps run side by side on one node', async () => {
  const wait = (other: string) =>
    `touch /tmp/here-$DEVOPS_ME; for i in $(seq 200); do [ -e /tmp/here-${other} ] && exit 0; sleep 0.05; done; exit 1`
  await push({
    'tasks/graph.yml': task(
      'graph',
      `targets: [a]
steps:
  - { id: x, run: '${wait('y').replace('$DEVOPS_ME', 'x')}' }
  - { id: y, run: '${wait('x').replace('$DEVOPS_ME', 'y')}' }
  - { id: z, run: echo both, needs: [x, y] }
`,
    ),
  })
  const { code, text } = await devops('run', 'graph')
  assert.equal(code, 0, text)
})

test('a roll-out over four nodes stops at the batch that fails; what failed is retried from where it failed', async () => {
  await push({
    'tasks/roll.yml': task(
      'roll',
      `targets: [a, b, c, d]
batch: 1
steps:
  - run: echo $(( $(cat /tmp/first 2>/dev/null || echo 0) + 1 )) >/tmp/first
  - run: test ! -e /tmp/broken
on_failure:
  - run: echo "{{ run.failed.step }} on {{ run.failed.nodes }}" >/tmp/told
    targets: [a]
`,
    ),
  })
  await on('b', 'touch /tmp/broken')
  const { code, text } = await devops('run', 'roll')
  assert.equal(code, 1)
  assert.match(text, /step 2 .* failed on b: exit code 1/)
  const run = await latest('roll')
  assert.deepEqual(states(run), [
    ...['1 a success', '1 b success', '1 c skipped', '1 d skipped'],
    ...['2 a success', '2 b failure', '2 c skipped', '2 d skipped'],
    '3 a success',
  ])
  assert.match(await on('a', 'cat /tmp/told'), /test ! -e \/tmp\/broken on \["b"\]/)
  await on('b', 'rm /tmp/broken')
  const again = await devops('retry', run.id, '--failed')
  assert.equal(again.code, 0, again.text)
  const counts = await Promise.all(nodes.map((node) => on(node, 'cat /tmp/first')))
  assert.deepEqual(counts, ['1\n', '1\n', '1\n', '1\n'])
})

test('a run waits for approval: given it runs, refused or too late it does not', async () => {
  const descriptor = (within: string) =>
    task(
      'careful',
      `targets: [a]\napproval: { by: admin, within: ${within}, other: true }\nsteps:\n  - echo careful >>/tmp/careful\n`,
    )
  await push({ 'tasks/careful.yml': descriptor('1h') })
  await devops('run', 'careful', '--no-wait')
  const first = await waiting('careful')
  assert.match((await devops('status')).text, /waits for approval by an admin, until 20/)
  const own = await devops('approve', first.id)
  assert.equal(own.code, 1)
  assert.match(own.text, /ann may not approve a run that he started/)
  assert.equal((await bob.devops('approve', first.id, '--repo', clone.repo)).code, 0)
  await see.ended('careful')
  assert.equal((await latest('careful')).state, 'succeeded')
  await devops('run', 'careful', '--no-wait')
  const second = await waiting('careful')
  await bob.devops('refuse', second.id, '--why', 'not today', '--repo', clone.repo)
  assert.equal((await latest('careful')).error, 'refused by bob: not today')
  await push({ 'tasks/careful.yml': descriptor('1s') })
  await devops('run', 'careful', '--no-wait')
  await see.ended('careful', 3)
  assert.match((await latest('careful')).error ?? '', /^nobody approved it until /)
  assert.equal(await on('a', 'cat /tmp/careful'), 'careful\n')
})

test('a run that is cancelled in the middle stops on its node, says what was left, and frees it', async () => {
  await push({
    'tasks/long.yml': task(
      'long',
      "targets: [a]\nsteps:\n  - run: touch /tmp/begun; sleep 4244\n  - run: 'true'\n",
    ),
  })
  await devops('run', 'long', '--no-wait')
  await see.eventually('the step on its node', async () =>
    (await on('a', 'ls /tmp/begun || true')).includes('begun'),
  )
  await devops('cancel', (await latest('long')).id)
  await see.ended('long')
  assert.match(
    (await latest('long')).error ?? '',
    /^cancelled by ann; stopped in the middle: step 1 ".*" on a; not begun: 1 step$/,
  )
  assert.equal(await on('a', 'pgrep -f "sleep 424[4]" || echo none'), 'none\n')
})

test('a node that is started anew in the middle of a step: the outcome is unknown, and on_failure still runs', async () => {
  await push({
    'tasks/cut.yml': task(
      'cut',
      `targets: [d]
steps:
  - { run: touch /root/begun 2>/dev/null || touch /var/tmp/begun; sleep 4245, retries: 3 }
on_failure:
  - run: touch /var/tmp/told
`,
    ),
  })
  await devops('run', 'cut', '--no-wait')
  await see.eventually('the step on its node', async () =>
    (await on('d', 'ls /var/tmp/begun || true')).includes('begun'),
  )
  await docker('docker', ['restart', '-t', '0', containers.get('d') ?? ''])
  await see.ended('cut')
  const run = await latest('cut')
  assert.match(run.error ?? '', /the outcome of step 1 ".*" on d is unknown, and it was not run again/)
  assert.deepEqual(states(run), ['1 d unknown', '2 d success'])
})
