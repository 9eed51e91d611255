import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Fleet, startFleet } from '#testing/fleet.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { type Watch, watch } from '#testing/story.ts'

let fleet: Fleet
let plane: Plane
let ann: Person
let clone: Clone
let see: Watch

before(async () => {
  fleet = await startFleet(2, { plane: 'story-link', strangers: true })
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('own')
  see = watch(ann, clone.repo, plane)
})
after(async () => {
  await plane?.[Symbol.asyncDispose]()
  await fleet?.[Symbol.asyncDispose]()
})

const machine = () => fleet.machines[0] as Fleet['machines'][number]
const link = (password: string, ...more: string[]) => {
  const args = ['--host', machine().ip, '--user', 'root', '--password-stdin', '--yes', '--repo', clone.repo]
  return ann.devopsWith(`${password}\n`, 'link', 'old', ...args, ...more)
}

test('a node at provider ssh waits for its link and says how', async () => {
  clone.write({
    'nodes/old.yml':
      "id: old\nname: Old machine\ntype: server\nprovider:\n  name: ssh\nservices:\n  nginx: '*'\n",
  })
  const pushed = await clone.push('a machine that exists')
  assert.equal(pushed.code, 0, pushed.text)
  await see.idle()
  const { status } = await see.node('old')
  assert.equal(status?.status, 'waiting')
  assert.match(status?.waits_for ?? '', /waits to be linked: devops link old/)
})

test('a wrong password and another host key are refused in words', async () => {
  const wrong = await link('not-the-password')
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.text, /refuses the login of root[\s\S]*password or key/)
  const key = await link(machine().root.password, '--host-key', `SHA256:${'A'.repeat(43)}`)
  assert.notEqual(key.code, 0)
  assert.match(key.text, /The server of old shows SHA256:.+, not SHA256:A{43}\. Nothing was changed/)
})

test('a linked machine is synced, and its removal leaves the machine running without what we put on it', async () => {
  const linked = await link(machine().root.password)
  assert.equal(linked.code, 0, linked.text)
  assert.match(linked.text, /SHA256:/)
  const synced = await ann.devops('sync', 'old', '--repo', clone.repo)
  assert.equal(synced.code, 0, synced.text)
  await see.synced('old')
  assert.match(await machine().sh('systemctl is-active nginx'), /^active/)
  clone.write({ 'nodes/old.yml': null })
  const removed = await clone.push('not ours any more', ['destroy=old'])
  assert.equal(removed.code, 0, removed.text)
  await see.gone('old')
  assert.match(
    await machine().sh('systemctl is-active nginx || true; dpkg-query -W nginx || true; echo alive'),
    /inactive[\s\S]*alive/,
  )
  await see.eventually('what linking brought is gone', async () => {
    const left = await machine().sh(
      'id devops 2>/dev/null; ls /etc/sudoers.d/10-devops /var/lib/devops 2>/dev/null; true',
    )
    return left === ''
  })
})

test('what linking changes is shown and asked for before anything is done', async () => {
  clone.write({ 'nodes/two.yml': 'id: two\nname: Two\ntype: server\nprovider:\n  name: ssh\n' })
  await clone.push('another machine that exists')
  await see.idle()
  const second = fleet.machines[1] as Fleet['machines'][number]
  const details = [second.ip, '', 'root', second.root.password]
  const refused = await ann.devopsWith([...details, 'no', ''].join('\n'), 'link', 'two', '--repo', clone.repo)
  assert.equal(refused.code, 1)
  assert.match(
    refused.text,
    /runs Debian[\s\S]*makes the user devops[\s\S]*authorized_keys[\s\S]*Nothing was changed/,
  )
  assert.equal(await second.sh('id devops 2>/dev/null; true'), '')
  const agreed = await ann.devopsWith([...details, 'yes', ''].join('\n'), 'link', 'two', '--repo', clone.repo)
  assert.equal(agreed.code, 0, agreed.text)
  assert.equal((await ann.devops('sync', 'two', '--repo', clone.repo)).code, 0)
})

test('security 32: a new host key is refused until it is trusted, and only the one that is really shown', async () => {
  const second = fleet.machines[1] as Fleet['machines'][number]
  await second.sh('rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh')
  await second.sh('pkill -KILL -u devops || true')
  const sync = await ann.devops('sync', 'two', '--repo', clone.repo)
  assert.match(sync.text, /shows another host key than before/)
  const shown = /shows (SHA256:[A-Za-z0-9+/]{43})/.exec(sync.text)?.[1] ?? ''
  const wrong = await ann.devops('trust', 'two', `SHA256:${'A'.repeat(43)}`, '--repo', clone.repo)
  assert.ok(wrong.text.includes(`The server of two shows ${shown}, not SHA256:AAA`), wrong.text)
  const right = await ann.devops('trust', 'two', shown, '--repo', clone.repo)
  assert.equal(right.code, 0, right.text)
  assert.equal((await ann.devops('sync', 'two', '--repo', clone.repo)).code, 0)
  assert.match(
    (await ann.devops('info', 'two', '--repo', clone.repo)).text,
    new RegExp(shown.replace(/[+/]/g, '.')),
  )
})

test('a machine behind another node is linked over it, and let go by unlink', async () => {
  clone.write({
    'nodes/old.yml': 'id: old\nname: Behind\ntype: server\nprovider:\n  name: ssh\n  jump: two\n',
  })
  await clone.push('a machine behind another')
  await see.idle()
  const second = fleet.machines[1] as Fleet['machines'][number]
  await machine().sh(
    `printf 'Match Address *,!${second.ip}\\n  DenyUsers *\\n' >/etc/ssh/sshd_config.d/90-inner.conf; systemctl reload ssh`,
  )
  const linked = await link(machine().root.password)
  assert.equal(linked.code, 0, linked.text)
  const synced = await ann.devops('sync', 'old', '--repo', clone.repo)
  assert.equal(synced.code, 0, synced.text)
  const gone = await ann.devops('unlink', 'old', '--repo', clone.repo)
  assert.equal(gone.code, 0, gone.text)
  await see.eventually('the user that linking made is gone', async () =>
    (await machine().sh('id devops 2>&1; true')).includes('no such user'),
  )
})
