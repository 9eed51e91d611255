import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { requireDocker } from '#testing/fleet.ts'
import { openTransport } from '../transport/index.ts'
import { dockerProvider } from './docker.ts'
import { execIn } from './docker-container.ts'
import { type Descriptor, tokenOf } from './index.ts'

const pair = newKeyPair()
const plane = `test-${process.pid}-${Date.now()}`
const at = { repo: 'ann/site', node: 'web' }
const wish = (descriptor: Descriptor & Record<string, unknown>, node = 'web') => ({
  repo: at.repo,
  node,
  descriptor,
  publicKey: pair.public,
  token: tokenOf(at.repo, node, descriptor),
})

describe('provider docker', { timeout: 60_000 }, () => {
  const provider = dockerProvider({ plane })
  before(() => requireDocker())
  after(() => provider.destroy({ ...at, id: '' }, 'remove'))
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

  test('another platform on the same engine neither sees nor destroys it', async () => {
    const other = dockerProvider({ plane: `${plane}-other` })
    assert.equal(await other.find(wish(plain)), undefined)
    await other.destroy({ ...at, id: '' }, 'remove')
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

  test('volumes last when the server is replaced, and go with consent to lose its data', async () => {
    const docker = await requireDocker()
    const descriptor = { name: 'docker', volumes: ['data:/var/lib/data'] }
    const sh = async (id: string, line: string) => execIn(docker, docker.getContainer(id), line)
    const volumes = async () => {
      const { Volumes } = await docker.listVolumes()
      return Volumes.map(({ Name }) => Name).filter((name) => name.includes('ann-site-data'))
    }
    const before = await volumes()
    await provider.destroy({ ...at, id: '' }, 'keep')
    const first = await provider.create(wish(descriptor))
    await sh(first.id, 'echo mine >/var/lib/data/file')
    await provider.destroy({ ...at, id: first.id }, 'keep')
    const second = await provider.create(wish(descriptor))
    assert.notEqual(second.id, first.id)
    assert.equal(await sh(second.id, 'cat /var/lib/data/file'), 'mine\n')
    await provider.destroy({ ...at, id: second.id }, 'remove')
    assert.deepEqual(await volumes(), before)
  })

  test('a network, published ports and a restart policy are as described', async () => {
    const docker = await requireDocker()
    const name = `net-${plane}`
    const network = await docker.createNetwork({ Name: name })
    try {
      const made = await provider.create(
        wish({ name: 'docker', network: name, restart: 'always', ports: ['127.0.0.1::80'] }, 'wired'),
      )
      const { NetworkSettings, HostConfig } = await docker.getContainer(made.id).inspect()
      assert.deepEqual(Object.keys(NetworkSettings.Networks), [name])
      assert.equal(made.host, NetworkSettings.Networks[name]?.IPAddress)
      assert.equal(HostConfig.RestartPolicy?.Name, 'always')
      const [published] = NetworkSettings.Ports['80/tcp'] ?? []
      assert.equal(published?.HostIp, '127.0.0.1')
      assert.match(published?.HostPort ?? '', /^[1-9]\d*$/)
    } finally {
      await provider.destroy({ ...at, node: 'wired', id: '' }, 'remove')
      await network.remove()
    }
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
    assert.match(await refused({ network: 'host' }), /^final: .*not host or none/)
    assert.match(await refused({ network: 'no-such-network' }), /^final: .*docker network create/)
    assert.match(await refused({ restart: 'sometimes' }), /^final: .*unless-stopped, always, no/)
    assert.match(await refused({ volumes: ['/etc:/mnt'] }), /^final: .*folders of the host/)
    assert.match(await refused({ ports: ['eighty'] }), /^final: .*like 8080:80/)
  })
})
