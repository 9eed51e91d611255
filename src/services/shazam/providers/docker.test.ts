import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { requireDocker } from '#testing/fleet.ts'
import { openTransport } from '../transport/index.ts'
import { dockerProvider } from './docker.ts'
import { type Descriptor, tokenOf } from './index.ts'

const pair = newKeyPair()
const plane = `test-${process.pid}-${Date.now()}`
const at = { repo: 'ann/site', node: 'web' }
const wish = (descriptor: Descriptor, node = 'web') => ({
  repo: at.repo,
  node,
  descriptor,
  publicKey: pair.public,
  token: tokenOf(at.repo, node, descriptor),
})

describe('provider docker', { timeout: 60_000 }, () => {
  const provider = dockerProvider({ plane })
  before(() => requireDocker())
  after(() => provider.destroy({ ...at, id: '' }))
  const plain = { name: 'docker', size: 'small' }

  test('a server is made with systemd, limits and sshd, and lets the platform in by keys known beforehand', async () => {
    const made = await provider.create(wish(plain))
    await using transport = openTransport({ clock: systemClock, log: silentLog })
    const connection = transport.connection({
      ...at,
      host: made.host,
      port: made.port,
      user: made.user,
      hostKeys: made.hostKeys,
      privateKey: async () => new Secret(pair.private),
    })
    const { stdout } = await connection.exec('sudo -n id -u; hostname; cat /proc/1/comm')
    assert.equal(stdout, '0\nweb\nsystemd\n')
    const docker = await requireDocker()
    const { HostConfig } = await docker.getContainer(made.id).inspect()
    assert.equal(HostConfig.Memory, 512 * 1024 * 1024)
    assert.equal(HostConfig.NanoCpus, 0.5e9)
    assert.equal(HostConfig.RestartPolicy?.Name, 'unless-stopped')
  })

  test('the same wish again, also twice at once, gives the same server', async () => {
    const first = await provider.find(wish(plain))
    const again = await Promise.all([provider.create(wish(plain)), provider.create(wish(plain))])
    assert.deepEqual(
      again.map((made) => made.id),
      [first?.id, first?.id],
    )
    const docker = await requireDocker()
    const all = await docker.listContainers({ all: true, filters: { label: [`ps.devo.plane=${plane}`] } })
    assert.equal(all.length, 1)
  })

  test('another platform on the same engine neither sees nor destroys it', async () => {
    const other = dockerProvider({ plane: `${plane}-other` })
    assert.equal(await other.find(wish(plain)), undefined)
    await other.destroy({ ...at, id: '' })
    assert.ok(await provider.find(wish(plain)))
  })

  test('a server that was switched off is found and runs again', async () => {
    const docker = await requireDocker()
    const before = await provider.find(wish(plain))
    await docker.getContainer(before?.id ?? '').stop({ t: 0 })
    const found = await provider.find(wish(plain))
    assert.equal(found?.id, before?.id)
    assert.deepEqual(found?.hostKeys, before?.hostKeys)
  })

  test('a destroyed server is gone, and destroying it again is no error', async () => {
    await provider.destroy({ ...at, id: '' })
    assert.equal(await provider.find(wish(plain)), undefined)
    await provider.destroy({ ...at, id: '' })
  })

  test('what cannot be had is refused with what would be right, and is not tried again', async () => {
    const refused = (more: object) =>
      provider.create(wish({ name: 'docker', ...more }, 'refused')).then(
        () => assert.fail('was made'),
        (error: Error & { data: { kind: string } }) => `${error.data.kind}: ${error.message}`,
      )
    assert.match(
      await refused({ image: 'no-such-image:1' }),
      /^final: .*no-such-image:1 is not on this machine.*tools\/setup/,
    )
    assert.match(await refused({ size: 'huge' }), /^final: .*must be one of small, medium, large/)
    assert.match(await refused({ volumes: ['/etc:/mnt'] }), /^final: .*folders of the host/)
    assert.match(await refused({ ports: ['eighty'] }), /^final: .*like 8080:80/)
  })
})
