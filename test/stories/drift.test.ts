import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Work } from '#contracts/tasker.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
let container: string

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('site')
  see = watch(ann, clone.repo, plane)
  clone.write({
    'nodes/web.yml': server('web', "services:\n  note: '*'\n"),
    'services/note/service.yml':
      'id: note\ntitle: Note\nresources:\n  - file: /etc/note\n    content: "as it should be\\n"\n    mode: "0640"\n',
    'tasks/alarm.yml':
      'id: alarm\nname: Alarm\ntype: task\ntargets: [web]\ntriggers:\n  events: [node.web.drift]\nsteps:\n  - run: echo {{ event.data.fields[0].attribute }} >>/tmp/alarm\n',
  })
  const { code, text } = await clone.push('a note')
  assert.equal(code, 0, text)
  container = (await see.synced('web')).server?.id ?? ''
})
after(() => plane?.[Symbol.asyncDispose]())

const onWeb = (line: string) => onServer(container, line)
const set = (change: object) => ann.api('PUT', `/v1/repos/${clone.repo}/settings`, change)

test('a live plan has an id, and a sync by it does that and nothing else', async () => {
  await onWeb('chmod 600 /etc/note')
  const planned = await ann.devops('plan', 'web', '--repo', clone.repo)
  assert.match(planned.text, /file:\/etc\/note {2}\/etc\/note: mode 600 -> 640/)
  const id = /sync --plan (\w+)/.exec(planned.text)?.[1] ?? ''
  await onWeb('echo changed once more >/etc/note')
  const refused = await ann.devops('sync', '--plan', id, '--repo', clone.repo)
  assert.equal(refused.code, 1)
  assert.match(refused.text, /does not hold any more: web: now also or otherwise: change \/etc\/note/)
  assert.equal(await onWeb('cat /etc/note'), 'changed once more\n')
  const anew = await ann.devops('plan', '--json', '--repo', clone.repo)
  const { id: second } = JSON.parse(anew.text) as { id: string }
  const done = await ann.devops('sync', '--plan', second, '--repo', clone.repo)
  assert.equal(done.code, 0, done.text)
  assert.equal(await onWeb('stat -c %a /etc/note; cat /etc/note'), '640\nas it should be\n')
})

test('a file changed by hand is a drift: the field is told, a task that listens runs, nothing is touched', async () => {
  await set({ drift_interval: 1 })
  await onWeb('chmod 666 /etc/note')
  const drifted = await see.eventually('web drifted', async () => {
    const { status } = await see.node('web')
    return status?.status === 'drifted' && status
  })
  assert.deepEqual(drifted.drift?.fields, [
    { resource: 'file:/etc/note', attribute: 'mode', before: '640', after: '666' },
  ])
  const [run] = await see.ended('alarm')
  assert.equal(run?.state, 'succeeded')
  assert.deepEqual([run?.cause.kind, run?.cause.detail], ['event', 'node.web.drift'])
  assert.equal(await onWeb('cat /tmp/alarm'), 'mode\n')
  const listed = await ann.devops('list', 'nodes', '--repo', clone.repo)
  assert.match(listed.text, /web +drifted .*file:\/etc\/note mode 640 -> 666/)
  assert.match((await ann.devops('info', 'web', '--repo', clone.repo)).text, /drift: +file:\/etc\/note mode/)
  assert.equal(await onWeb('stat -c %a /etc/note'), '666\n')
})

test('with heal the drift is put right by a sync whose cause it is, and the task ran once for it', async () => {
  await set({ heal: true })
  await see.synced('web')
  assert.equal(await onWeb('stat -c %a /etc/note'), '640\n')
  const works = await ann.api<Work[]>('GET', `/v1/repos/${clone.repo}/works?limit=20`)
  const healing = works.filter(({ cause }) => cause.kind === 'drift')
  assert.equal(healing.length, 1)
  assert.match(healing[0]?.cause.detail ?? '', /file:\/etc\/note mode 640 -> 666/)
  assert.equal((await see.runs('alarm')).length, 1)
})

test('a rollback brings the server back by a new commit, and the bad one is not applied again', async () => {
  const good = (await clone.git('rev-parse', 'HEAD')).text.trim()
  clone.write({
    'services/note/service.yml':
      'id: note\ntitle: Note\nresources:\n  - file: /etc/note\n    content: "a mistake\\n"\n',
  })
  assert.equal((await clone.push('a mistake')).code, 0)
  const bad = (await clone.git('rev-parse', 'HEAD')).text.trim()
  await see.synced('web', bad)
  assert.equal(await onWeb('cat /etc/note'), 'a mistake\n')
  const done = await ann.devops('rollback', clone.repo, '--to', good.slice(0, 10))
  assert.equal(done.code, 0, done.text)
  await see.eventually('the former note', async () => (await onWeb('cat /etc/note')) === 'as it should be\n')
  const again = await clone.git('push', '--force', 'origin', `${bad}:main`)
  assert.notEqual(again.code, 0)
  assert.match(again.text, /Commit .{7} was rolled back by ann and is not applied again/)
})
