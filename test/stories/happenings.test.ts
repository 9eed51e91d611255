import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

const docker = (...args: string[]) => promisify(execFile)('docker', args)

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch

/** A task on `desk` that says which event started it. */
const listener = (id: string, event: string, told: string) =>
  `id: ${id}\ntype: task\ntargets: [desk]\ntriggers: { events: ['${event}'] }\nsteps:\n  - run: |\n      echo ${told}\n`

before(async () => {
  plane = await startPlane(['--monitor-interval', '1'])
  ann = await plane.person('ann')
  clone = await ann.repository('events')
  see = watch(ann, clone.repo, plane)
  clone.write({
    'nodes/desk.yml': server('desk'),
    'nodes/work.yml': server('work', "services:\n  note: '*'\n"),
    'services/note/service.yml':
      'id: note\ntitle: Note\nresources:\n  - file: /etc/note\n    content: "as it should be\\n"\n',
    'tasks/drifted.yml': listener(
      'drifted',
      'node.work.drift',
      '{{ event.node }} {{ event.data.fields[0].resource }}',
    ),
    'tasks/fell.yml': listener('fell', 'node.*.down', '{{ event.node }} {{ event.data.reason }}'),
    'tasks/rose.yml': listener('rose', 'node.work.up', '{{ event.node }}'),
    'tasks/going.yml': listener('going', 'node.*.delete.start', '{{ event.node }}'),
    'tasks/lost.yml': listener('lost', 'node.*.delete', '{{ event.node }}'),
  })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  await Promise.all([see.synced('desk'), see.synced('work')])
})
after(() => plane?.[Symbol.asyncDispose]())

/** The newest of so many runs of a task: what started it, and what it printed on `desk`. */
async function told(task: string, count = 1): Promise<[cause: string | null | undefined, said: string]> {
  const runs = await see.ended(task, count)
  assert.deepEqual(
    runs.map(({ state }) => state),
    Array(count).fill('succeeded'),
  )
  const lines = (await see.logs(`work=${runs[0]?.id}`)) as { text: string; stream?: string }[]
  const said = lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)
  return [runs[0]?.cause.detail, said.join('\n')]
}

test('a file that was changed by hand on a server starts the task that waits for its drift, elsewhere', async () => {
  const { server: work } = await see.node('work')
  await onServer(work?.id ?? '', 'echo by hand >/etc/note')
  await ann.api('PUT', `/v1/repos/${clone.repo}/settings`, { drift_interval: 1 })
  assert.deepEqual(await told('drifted'), ['node.work.drift', 'work file:/etc/note'])
  assert.equal(await onServer(work?.id ?? '', 'cat /etc/note'), 'by hand\n')
})

test('a node that stands still starts the task of its down, and that of its up when it goes on', async () => {
  const { server: work } = await see.node('work')
  assert.deepEqual(await told('rose'), ['node.work.up', 'work'])
  // Not stopped: the engine would give its address to the next container, which answers in its place.
  await docker('pause', work?.id ?? '')
  const [cause, said] = await told('fell')
  assert.equal(cause, 'node.work.down')
  assert.match(said, /^work .*port 22/)
  await docker('unpause', work?.id ?? '')
  assert.deepEqual(await told('rose', 2), ['node.work.up', 'work'])
  assert.equal((await see.runs('fell')).length, 1)
})

test('a node that is destroyed starts the tasks of its delete, and nothing says that it is down', async () => {
  clone.write({ 'nodes/work.yml': null, 'tasks/drifted.yml': null, 'tasks/rose.yml': null })
  const pushed = await clone.push('no more work', ['destroy=work'])
  assert.equal(pushed.code, 0, pushed.text)
  await see.gone('work')
  assert.deepEqual(await told('going'), ['node.work.delete.start', 'work'])
  assert.deepEqual(await told('lost'), ['node.work.delete.success', 'work'])
  await see.idle()
  assert.equal((await see.runs('fell')).length, 1)
})
