import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#kit/ids.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { fakeCloud } from './testing/cloud.ts'
import { aNode, openDesk, record, repo } from './testing/desk.ts'

const pair = newKeyPair()
const key = { publicKey: pair.public, privateKey: new Secret(pair.private) }
const server = {
  provider: 'cloud',
  id: 'web-1',
  host: '192.0.2.7',
  port: 22,
  user: 'devops',
  host_keys: [],
  made_from: { name: 'cloud' },
}

test('a server that was made while its repository was deleted is destroyed again', async () => {
  const cloud = fakeCloud()
  await using desk = await openDesk(key)
  desk.refuse = () => new Problem('not_found', { what: `repository ${repo} any more: it was deleted` })
  await using _ = await desk.start({ providers: [cloud] })
  desk.infrastructure.nodes.push(aNode('web', { provider: { name: 'cloud' } }))
  const payload = { repo, node: 'web', work: newId(), commit: null, attempt: 1, goal: 'converge' as const }
  await desk.bus.send('shazam.nodes', { payload: { ...payload, agreed: false } })
  const ended = await desk.event(({ type }) => type === 'node.web.create.error')
  assert.match(JSON.stringify(ended.data), /it was deleted/)
  assert.deepEqual(cloud.asked, ['create web', 'destroy web'])
  assert.equal(cloud.servers.size, 0)
})

test('a server that another attempt has taken over is left to it', async () => {
  const cloud = fakeCloud()
  await using desk = await openDesk(key)
  desk.refuse = () => new Problem('fenced', { current: '2 of work w' })
  await using _ = await desk.start({ providers: [cloud] })
  desk.infrastructure.nodes.push(aNode('web', { provider: { name: 'cloud' } }))
  const payload = { repo, node: 'web', work: newId(), commit: null, attempt: 1, goal: 'converge' as const }
  await desk.bus.send('shazam.nodes', { payload })
  await desk.event(({ type }) => type === 'node.web.create.error')
  assert.deepEqual(cloud.asked, ['create web'])
})

test('where a server has moved is recorded of that server only: a node that was destroyed meanwhile stays gone', async () => {
  const cloud = fakeCloud()
  await using desk = await openDesk(key)
  await using _ = await desk.start({ providers: [cloud] })
  desk.records.set('web', record('web', server))
  cloud.servers.set('web', { ...server, hostKeys: [], host: '192.0.2.8' })
  // Destroyed while its power is switched.
  cloud.power = async () => {
    desk.records.delete('web')
  }
  await assert.rejects(
    desk.bus.ask('shazam.power', { repo, node: 'web', act: 'start' }),
    (error) => isProblem(error, 'conflict') && /another server now, or none/.test(error.message),
  )
  assert.equal(desk.records.has('web'), false)
})

test('the power of a server is not switched for somebody who loses the right while its provider is opened', async () => {
  const cloud = fakeCloud()
  await using desk = await openDesk(key)
  await using _ = await desk.start({ providers: [cloud] })
  desk.records.set('web', record('web', server))
  cloud.servers.set('web', { ...server, hostKeys: [] })
  const switched: string[] = []
  cloud.power = async (_place, act) => void switched.push(act)
  let may = false
  desk.bus.answer('profiles.authorize', async ({ user, action }) => {
    if (!may) throw new Problem('forbidden', { user, action })
    return {}
  })
  const power = (act: 'start' | 'stop' | 'reboot') =>
    desk.bus.ask('shazam.power', { repo, node: 'web', by: 'ann', act })
  // The API was told yes.
  for (const act of ['start', 'stop', 'reboot'] as const)
    await assert.rejects(power(act), (error) => isProblem(error, 'forbidden'))
  assert.deepEqual(switched, [])
  may = true
  await power('stop')
  assert.deepEqual(switched, ['stop'])
})
