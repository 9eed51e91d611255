import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { unified } from './resources/difference.ts'
import { fakeCloud } from './testing/cloud.ts'
import { aNode, openDesk, record, repo } from './testing/desk.ts'

const pair = newKeyPair()
const key = { publicKey: pair.public, privateKey: new Secret(pair.private) }

test('a plan names the keys that force another server, and says nothing of a host to a container', async () => {
  await using desk = await openDesk(key)
  await using _ = await desk.start({ providers: [fakeCloud()] })
  const made_from = { name: 'cloud', size: 'small', image: 'a' }
  const server = {
    provider: 'cloud',
    id: 'web-1',
    host: '192.0.2.1',
    port: 22,
    user: 'devops',
    host_keys: [],
    made_from,
  }
  desk.records.set('web', record('web', server))
  const plan = async (provider: { name: string; size?: string; image?: string }) => {
    const next = { ...desk.infrastructure, nodes: [aNode('web', { provider })] }
    const [found] = await desk.bus.ask('shazam.plan', { repo, next, nodes: ['web'], live: false })
    return found
  }
  const replaced = await plan({ name: 'cloud', size: 'small', image: 'b' })
  assert.equal(replaced?.verdict, 'replace')
  assert.equal(replaced?.reason, 'image a -> b takes another server')
  const elsewhere = await plan({ name: 'docker', size: 'small', image: 'a' })
  assert.match(elsewhere?.reason ?? '', /^name cloud -> docker takes another server$/)
  desk.records.delete('web')
  const made = await plan({ name: 'docker' })
  assert.equal(made?.verdict, 'create')
  assert.deepEqual(
    made?.changes.filter(({ resource }) => /^(swap|kernel_value):/.test(resource)),
    [],
  )
})

test('a diff is its hunks alone, without the header of a file', () => {
  assert.equal(unified('/etc/motd', 'a\nb\n', 'a\nc\n'), '@@ -1,2 +1,2 @@\n a\n-b\n+c\n')
})
