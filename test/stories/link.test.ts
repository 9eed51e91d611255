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
  fleet = await startFleet(1, { plane: 'story-link', strangers: true })
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
  const args = ['--host', machine().ip, '--user', 'root', '--password-stdin', '--repo', clone.repo]
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
  assert.equal(status?.status, 'out of sync')
  assert.match(status?.error ?? '', /devops link old/)
})

test('a wrong password and another host key are refused in words', async () => {
  const wrong = await link('not-the-password')
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.text, /refuses the login of root[\s\S]*password or key/)
  const key = await link(machine().root.password, '--host-key', `SHA256:${'A'.repeat(43)}`)
  assert.notEqual(key.code, 0)
  assert.match(key.text, /another host key/)
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
})
