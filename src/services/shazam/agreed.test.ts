import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData } from '#contracts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { fakeCloud } from './testing/cloud.ts'
import { aNode, openDesk, record, repo } from './testing/desk.ts'

const pair = newKeyPair()
const key = { publicKey: pair.public, privateKey: new Secret(pair.private) }

const server = (size: string) => ({
  provider: 'cloud',
  id: 'web-1',
  host: '192.0.2.1',
  port: 22,
  user: 'devops',
  host_keys: [],
  made_from: { name: 'cloud', size },
})

async function start() {
  await using stack = new AsyncDisposableStack()
  const cloud = fakeCloud()
  const desk = stack.use(await openDesk(key))
  stack.use(await desk.start({ providers: [cloud] }))
  const undo = stack.move()
  const send = (goal: 'converge' | 'destroy', agreed: boolean) =>
    desk.bus.send('shazam.nodes', {
      payload: { repo, node: 'web', work: goal, commit: null, attempt: 1, goal, agreed },
    })
  const ended = async (type: string) =>
    (await desk.event((event) => event.type === type)).data as EventData<'node.*.update.error'>
  return { cloud, desk, send, ended, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

test('a server whose loss nobody agreed to is not destroyed, and what to type is said', async () => {
  await using world = await start()
  world.desk.records.set('web', record('web', server('small')))
  await world.send('destroy', false)
  const { error, retry } = await world.ended('node.web.delete.error')
  assert.equal(error.code, 'unagreed')
  assert.match(
    error.message,
    /^web: its descriptor is gone, .*, and nobody has agreed to that \(`git push -o destroy=web`\)$/,
  )
  assert.equal(retry, false)
  assert.deepEqual(world.cloud.asked, [])
  assert.ok(world.desk.records.get('web')?.server)
})

test('a node without a server needs nobody’s agreement to go', async () => {
  await using world = await start()
  world.desk.records.set('web', record('web'))
  await world.send('destroy', false)
  await world.ended('node.web.delete.success')
  assert.equal(world.desk.records.has('web'), false)
})

test('a server whose loss was agreed to is destroyed', async () => {
  await using world = await start()
  world.desk.records.set('web', record('web', server('small')))
  await world.send('destroy', true)
  await world.ended('node.web.delete.success')
  assert.deepEqual(world.cloud.asked, ['destroy web'])
})

test('a server is not replaced before somebody agrees to it', async () => {
  await using world = await start()
  world.desk.records.set('web', record('web', server('small')))
  world.desk.infrastructure.nodes.push(aNode('web', { provider: { name: 'cloud', size: 'large' } }))
  await world.send('converge', false)
  const { error, retry } = await world.ended('node.web.update.error')
  assert.equal(error.code, 'unagreed')
  assert.match(
    error.message,
    /^web: its server would be destroyed and made again, with all data but those of its volumes/,
  )
  assert.equal(retry, false)
  assert.deepEqual(world.cloud.asked, [])
})
