import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** The base layer: options and commands of `server`, on a real server. */
let story: ServiceStory

before(async () => {
  story = await startServiceStory('base')
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('box', line)

test('host name, packages, limits and locale of a bare node are as its descriptor says', async () => {
  await story.wish('box', [], { server: { hostname: 'shop.example', packages: ['tree'] } })
  assert.equal(await sh('hostname; command -v tree'), 'shop.example\n/usr/bin/tree\n')
  const { person, clone } = story
  const enter = ['ssh', 'box', '--repo', clone.repo, '--identity', person.keyFile, '--']
  const looked = await person.devops(...enter, 'sudo -n id -un; echo $LANG')
  assert.match(looked.text, /root\s+C\.UTF-8/)
  // What holds in a session is at most what the engine gives the container.
  assert.match(await sh('cat /etc/security/limits.d/nofile.conf'), /^\* soft nofile 65536$/m)
  assert.deepEqual(await story.again('box'), [])
})

test('a package that is wished no more leaves, and nothing else moves', async () => {
  const did = await story.wish('box', [], { server: { hostname: 'shop.example' } })
  assert.equal(did.length, 1, did.join('\n'))
  assert.match(did[0] ?? '', /remove package tree/)
})

test('server restart boots it anew, and the next sync finds it and puts right what the start undid', async () => {
  const started = () => sh('stat -c %Y /proc/1')
  const before = await started()
  assert.match(await story.run('box', { run: 'devops server restart' }), /boots anew/)
  await story.see.eventually('a new start', async () => (await started().catch(() => before)) !== before)
  // A container starts with the name that it was made with, and may have another address.
  await story.again('box')
  assert.equal(await sh('hostname'), 'shop.example\n')
  assert.deepEqual(await story.again('box'), [])
})
