import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
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
  clone = await ann.repository('bad')
  see = watch(ann, clone.repo, plane)
})
after(() => plane?.[Symbol.asyncDispose]())

const objects = () =>
  readdirSync(join(plane.data, 'git'), { recursive: true, encoding: 'utf8' })
    .filter(
      (path) => /\/objects\/([0-9a-f]{2}|pack|tmp|incoming)/.test(path) && !/\/objects\/pack$/.test(path),
    )
    .sort()

test('a refused push names every error with file, line and what would be right, and leaves nothing', async () => {
  const before = objects()
  clone.write({
    'nodes/web.yml': server(
      'web',
      "services:\n  ngnix: '*'\nconfiguration:\n  nginx:\n    worker_processes: 0\n",
    ),
    'nodes/broken.yml': 'id: broken\n  type: [server\n',
    'tasks/t.yml': 'id: t\nname: T\ntype: task\ntargets: [wbe]\nsteps:\n  - run: devops scripts/none.sh\n',
  })
  const pushed = await clone.push()
  assert.notEqual(pushed.code, 0)
  assert.match(pushed.text, /nodes\/web\.yml:8:\d+ .*unknown service "ngnix", did you mean "nginx"\?/)
  assert.match(pushed.text, /nodes\/broken\.yml:1:5 is not valid YAML/)
  assert.match(pushed.text, /tasks\/t\.yml:4:\d+ .*wbe.*did you mean "web"\?/)
  assert.match(pushed.text, /tasks\/t\.yml:6:\d+ .*scripts\/none\.sh/)
  assert.deepEqual(objects(), before)
  assert.deepEqual(await see.nodes(), [])
})

test('`devops validate` says the same offline', async () => {
  const answer = await ann.devops('validate', clone.folder)
  assert.equal(answer.code, 1)
  assert.match(answer.text, /^nodes\/web\.yml:8:\d+ .*unknown service "ngnix", did you mean "nginx"\?$/m)
})

test('another user sees nothing of the repository, by git, API or CLI', async () => {
  const bob = await plane.person('bob')
  await assert.rejects(bob.api('GET', `/v1/repos/${clone.repo}/nodes`), /404/)
  const listed = await bob.devops('list', 'nodes', '--repo', clone.repo)
  assert.notEqual(listed.code, 0)
  const fetched = await (await bob.repository('own')).git(
    'ls-remote',
    `ssh://git@${plane.ssh.host}:${plane.ssh.port}/${clone.repo}.git`,
  )
  assert.notEqual(fetched.code, 0)
})

test('a node that cannot be reached is retried, says why, and syncs when it is back', async () => {
  clone.write({ 'nodes/web.yml': server('web'), 'nodes/broken.yml': null, 'tasks/t.yml': null })
  assert.equal((await clone.push()).code, 0)
  const node = await see.synced('web')
  const container = node.server?.id ?? ''
  const cable = (state: string) => onServer(container, `ip link set eth0 ${state}`)
  const gateway = await onServer(container, 'ip route show default')
  await cable('down')
  await ann.devops('sync', 'web', '--no-wait', '--repo', clone.repo)
  const waiting = await see.eventually('a work that waits for its next attempt', async () =>
    (await see.works()).find(({ state, error }) => state === 'waiting' && error !== null),
  )
  assert.match(waiting.waits_for ?? '', /next attempt 2 .*cannot be reached/)
  await cable('up')
  await onServer(container, `ip route replace ${gateway.trim()}`)
  const again = await ann.devops('sync', 'web', '--repo', clone.repo)
  assert.equal(again.code, 0, again.text)
})

test('security 32: a node that shows another host key is not entered', async () => {
  const { server } = await see.node('web')
  const container = server?.id ?? ''
  await onServer(container, 'rm /etc/ssh/ssh_host_*; ssh-keygen -qA; pkill -x sshd; systemctl restart ssh')
  const answer = await ann.devops('sync', 'web', '--repo', clone.repo)
  assert.notEqual(answer.code, 0)
  assert.match(answer.text, /another host key/)
})
