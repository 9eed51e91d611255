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
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
})
after(() => plane?.[Symbol.asyncDispose]())

const commit = async () => (await clone.git('rev-parse', 'HEAD')).text.trim()
const push = async (message: string, options?: string[]) => {
  const pushed = await clone.push(message, options)
  assert.equal(pushed.code, 0, pushed.text)
  return commit()
}

/** What a node is, as far as a service could leave something behind. */
const inventory = async (container: string) => {
  const text = await onServer(
    container,
    `find /etc /var/www /var/lib /usr/sbin -xdev \\( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \\) -prune -o -print | sort
     dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort; systemctl list-unit-files --no-legend | awk '{print $1, $2}' | sort`,
  )
  // What the platform notes for itself: packages that it brought.
  return text.split('\n').filter((line) => line !== '/var/lib/devops/brought')
}

const proxy = `services:
  nginx: '*'
configuration:
  nginx:
    vhosts:
      - id: shop
        routes:
          - uri: /
            type: proxy
            to: "http://{{ app.ip }}:8080"
`

test('the address of one node stands in the configuration of another, although both are made by the same push', async () => {
  clone.write({ 'nodes/app.yml': server('app'), 'nodes/front.yml': server('front', proxy) })
  const at = await push('a front and an app')
  const app = await see.synced('app', at)
  const front = await see.synced('front', at)
  const site = await onServer(front.server?.id ?? '', 'cat /etc/nginx/sites-enabled/shop')
  assert.match(site, new RegExp(`proxy_pass http://${app.server?.host}:8080`))
})

test('a service added and taken away again leaves the node as it was', async () => {
  const app = (await see.node('app')).server?.id ?? ''
  const before = await inventory(app)
  clone.write({ 'nodes/app.yml': server('app', "services:\n  nginx: '*'\n") })
  await see.synced('app', await push('nginx on app'))
  assert.match(await onServer(app, 'systemctl is-active nginx'), /^active/)
  clone.write({ 'nodes/app.yml': server('app') })
  await see.synced('app', await push('no nginx on app'))
  const after = await inventory(app)
  assert.deepEqual(
    after.filter((line) => !before.includes(line)),
    [],
    'left behind',
  )
  assert.deepEqual(
    before.filter((line) => !after.includes(line)),
    [],
    'taken along',
  )
})

test('a repository variable is used by a node, and the node follows when it changes', async () => {
  const set = (value: string) => ann.devops('var', 'set', 'workers', value, '--repo', clone.repo)
  const first = await set('2')
  assert.equal(first.code, 0, first.text)
  clone.write({
    'nodes/front.yml': server(
      'front',
      proxy.replace('  nginx:\n    vhosts', '  nginx:\n    worker_processes: "{{ workers }}"\n    vhosts'),
    ),
  })
  const front = (await see.synced('front', await push('workers by variable'))).server?.id ?? ''
  const config = () => onServer(front, 'grep ^worker_processes /etc/nginx/nginx.conf')
  assert.equal(await config(), 'worker_processes 2;\n')
  await set('5')
  await see.eventually(
    'the changed variable on the node',
    async () => (await config()) === 'worker_processes 5;\n',
  )
})

test('a collaborator is let in to the nodes, and no longer after removal', async () => {
  const bob = await plane.person('bob')
  const app = (await see.node('app')).server?.id ?? ''
  const keys = () => onServer(app, 'cat /home/devops/.ssh/authorized_keys')
  const added = await ann.devops('collaborator', 'add', 'bob', '--role', 'write', '--repo', clone.repo)
  assert.equal(added.code, 0, added.text)
  const enter = () =>
    bob.devops('ssh', 'app', '--repo', clone.repo, '--identity', bob.keyFile, '--', 'id -un')
  await see.eventually('bob in authorized_keys', async () => (await keys()).includes('bob'))
  assert.match((await enter()).text, /^devops$/m)
  await ann.devops('collaborator', 'remove', 'bob', '--repo', clone.repo)
  await see.eventually('bob gone from authorized_keys', async () => !(await keys()).includes('bob'))
  assert.notEqual((await enter()).code, 0)
})

test('a service of the repository itself is applied like one of the catalog', async () => {
  clone.write({
    'services/motd/service.yml': `id: motd
title: Message of the day
options:
  text: {type: string, default: hello}
resources:
  - file: /etc/motd
    template: motd
    mode: "0644"
commands:
  show: {script: show.sh}
`,
    'services/motd/templates/motd': '{{ motd.text }} from {{ node.id }}\n',
    'services/motd/templates/show.sh': 'cat /etc/motd\n',
    'nodes/app.yml': server('app', "services:\n  motd: '*'\nconfiguration:\n  motd:\n    text: welcome\n"),
    'tasks/show.yml': 'id: show\nname: Show\ntype: task\ntargets: [app]\nsteps:\n  - run: devops motd show\n',
  })
  const app = (await see.synced('app', await push('a message of the day'))).server?.id ?? ''
  assert.equal(await onServer(app, 'cat /etc/motd'), 'welcome from app\n')
  const shown = await ann.devops('run', 'show', '--repo', clone.repo)
  assert.equal(shown.code, 0, shown.text)
  assert.match(shown.text, /welcome from app/)
})
