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

const devops = async (...args: string[]) => {
  const answer = await ann.devops(...args, '--repo', clone.repo)
  assert.equal(answer.code, 0, answer.text)
  return answer.text
}

/** Writes its text, then holds the sync until somebody makes /etc/go. */
const slow = `title: Slow
options:
  text: { type: string, required: true }
resources:
  - file: /etc/note
    content: "{{ slow.text }} {{ shade }}"
  - command: wait
    run: touch /etc/reached; while ! [ -e /etc/go ]; do sleep 0.1; done
    unless: test -e /etc/go
    requires: file:/etc/note
`
const holding = (text: string) => `services: [slow]\nconfiguration:\n  slow:\n    text: "${text}"\n`

const container = () =>
  see.eventually('a server', async () => (await see.nodes()).find(({ node }) => node === 'web')?.server?.id)
const held = async () => {
  const id = await container()
  await see.eventually('the sync to be held', async () =>
    onServer(id, 'test -e /etc/reached && echo yes').catch(() => ''),
  )
  return id
}
const note = async () => (await onServer(await container(), 'cat /etc/note')).trim()

test('what moves while the first sync of a node runs is followed by another sync', async () => {
  await devops('var', 'set', 'colour', 'red')
  await devops('var', 'set', 'shade', 'dark')
  await ann.api('PUT', `/v1/repos/${clone.repo}/secrets/token`, { value: 'first-secret' })
  clone.write({
    'services/slow/service.yml': slow,
    'nodes/web.yml': server('web', holding('{{ colour }} {{ secrets.token }} {{ passwords.door }}')),
  })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  const id = await held()
  const [colour, token, door] = (await note()).split(' ')
  assert.deepEqual([colour, token], ['red', 'first-secret'])
  // Of the descriptor, and of the template of a service.
  for (const name of ['colour', 'shade', 'secrets.token', 'passwords.door'])
    assert.match(await devops('var', 'used-by', name), /^NODE\nweb\n$/, name)
  await devops('var', 'set', 'colour', 'blue')
  await devops('var', 'set', 'shade', 'light')
  await ann.api('PUT', `/v1/repos/${clone.repo}/secrets/token`, { value: 'second-secret', rotate: true })
  await devops('password', 'rotate', 'passwords.door')
  await onServer(id, 'touch /etc/go')
  await see.eventually('the new values', async () => {
    const [colour, token, fresh, shade] = (await note()).split(' ')
    return colour === 'blue' && token === 'second-secret' && fresh !== door && shade === 'light'
  })
  await see.idle()
})

test('what moves while a sync that uses it for the first time runs is followed by another sync', async () => {
  const id = await container()
  await onServer(id, 'rm /etc/go /etc/reached')
  await devops('var', 'set', 'size', 'small')
  clone.write({ 'nodes/web.yml': server('web', holding('{{ size }}')) })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  await held()
  assert.match(await note(), /^small /)
  assert.match(await devops('var', 'used-by', 'size'), /^NODE\nweb\n$/)
  await devops('var', 'set', 'size', 'large')
  await onServer(id, 'touch /etc/go')
  await see.eventually('the new value', async () => (await note()).startsWith('large '))
  await see.idle()
})

test('a value that a sync lacked brings it about once it is set', async () => {
  await devops('var', 'unset', 'size')
  await see.eventually(
    'the sync to fail',
    async () => (await see.node('web')).status?.status === 'out of sync',
  )
  await devops('var', 'set', 'size', 'huge')
  await see.eventually('the value', async () => (await note()).startsWith('huge '))
  await see.idle()
})
