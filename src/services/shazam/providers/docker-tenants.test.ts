import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type Docker from 'dockerode'
import { isProblem } from '#kit/problem.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { engineRules } from '#language'
import { requireDocker } from '#testing/fleet.ts'
import { startBrokenEngines } from '../testing/broken-engines.ts'
import { dockerProvider } from './docker.ts'
import { execIn } from './docker-container.ts'
import { containerName, formerPrefix, label, networkName, volumeName } from './docker-names.ts'
import { dockerNetworks } from './docker-networks.ts'
import { dockerVolumes } from './docker-volumes.ts'
import { type Descriptor, tokenOf } from './index.ts'

const pair = newKeyPair()
const plane = `tenants-${process.pid}-${Date.now()}`
/** What an earlier version joined by dashes is the same text for all of them. */
const [one, other] = ['acme/dev-x', 'acme-dev/x'] as const
const descriptor = { name: 'docker', volumes: ['data:/srv/data'] }
const wishOf = (repo: string, node = 'web', wanted: Descriptor = descriptor) => ({
  repo,
  node,
  descriptor: wanted,
  publicKey: pair.public,
  token: tokenOf(repo, node, wanted),
})

test('security 41: names of containers, volumes and networks differ wherever owner, repository, node or volume differ', () => {
  const places = [
    ['a/b-c', 'd'],
    ['a/b', 'c-d'],
    ['a-b/c', 'd'],
    ['a-b/c-d', 'd'],
    ['A/b-c', 'd'],
  ] as const
  const names = places.flatMap(([repo, name]) =>
    ['p', 'p-a'].flatMap((at) => [
      containerName(at, { repo, node: name }),
      volumeName(at, repo, name),
      networkName(at, repo),
    ]),
  )
  // Of five places two are in the same repository by none: five networks, five volumes, five containers, twice.
  assert.equal(new Set(names).size, 30)
  for (const name of names) assert.match(name, /^devops-[A-Za-z0-9_.-]+-[0-9a-f]{32}$/)
  assert.ok(volumeName('p', `${'o'.repeat(63)}/${'r'.repeat(63)}`, 'v'.repeat(300)).length <= 180)
})

describe('tenants of one engine', { timeout: 600_000 }, () => {
  const provider = dockerProvider({ plane })
  let docker: Docker
  const addresses: Record<string, string> = {}
  const ids: Record<string, string> = {}
  const sh = (repo: string, line: string) => execIn(docker, docker.getContainer(ids[repo] ?? ''), line)
  const mine = async (repo: string) => {
    const filters = { label: [`${label.plane}=${plane}`, `${label.repo}=${repo}`] }
    const { Volumes } = await docker.listVolumes({ filters })
    const networks = await docker.listNetworks({ filters })
    return { volumes: Volumes.map(({ Name }) => Name), networks: networks.map(({ Name }) => Name) }
  }
  before(async () => {
    docker = await requireDocker()
    for (const repo of [one, other]) {
      const made = await provider.create(wishOf(repo))
      ids[repo] = made.id
      addresses[repo] = made.host
    }
  })
  after(async () => {
    for (const repo of [one, other]) {
      await provider.destroy({ repo, node: 'web', id: '' }, 'remove')
      assert.deepEqual(await mine(repo), { volumes: [], networks: [] })
    }
  })

  test('security 41: repositories whose joined names are the same text have volumes, networks and containers of their own', async () => {
    for (const repo of [one, other]) await sh(repo, `echo 'of ${repo}' >/srv/data/file`)
    for (const repo of [one, other]) {
      assert.equal(await sh(repo, 'cat /srv/data/file'), `of ${repo}\n`)
      assert.deepEqual(await mine(repo), {
        volumes: [volumeName(plane, repo, 'data')],
        networks: [networkName(plane, repo)],
      })
      const { NetworkSettings } = await docker.getContainer(ids[repo] ?? '').inspect()
      assert.deepEqual(Object.keys(NetworkSettings.Networks), [networkName(plane, repo)])
    }
    assert.notEqual(ids[one], ids[other])
  })

  test('security 41: a node reaches no node of another repository, even by a route of its own, and itself it reaches', async () => {
    const open = (repo: string) => `timeout 3 bash -c 'exec 3<>/dev/tcp/${addresses[repo]}/22' 2>/dev/null`
    assert.equal(await sh(one, `${open(one)} && echo in`), 'in\n')
    assert.equal(await sh(one, `${open(other)} || echo out`), 'out\n')
    await sh(
      one,
      `ip route add ${addresses[other]} via $(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')`,
    )
    assert.equal(await sh(one, `${open(other)} || echo out`), 'out\n')
    assert.equal(await sh(other, `${open(one)} || echo out`), 'out\n')
  })

  test('security 41: a network of another repository is joined by neither its name nor its id, nor the bridge that all know', async () => {
    const [network] = await docker.listNetworks({
      filters: { label: [`${label.repo}=${other}`, `${label.plane}=${plane}`] },
    })
    const refused = (name: string) =>
      provider.create(wishOf(one, 'spy', { name: 'docker', network: name } as Descriptor)).then(
        () => assert.fail('was made'),
        (error: Error) => error.message,
      )
    assert.match(await refused(networkName(plane, other)), /is of another repository/)
    assert.match(await refused(network?.Id ?? ''), /not found/)
    assert.match(await refused((network?.Id ?? '').slice(0, 12)), /not found/)
    const all = await docker.listContainers({
      all: true,
      filters: { label: [`${label.node}=spy`, `${label.plane}=${plane}`] },
    })
    assert.deepEqual(all, [])
  })

  test('security 41: a volume that another made under the name of a repository is not mounted', async () => {
    const [repo, name] = ['acme/trap', volumeName(plane, 'acme/trap', 'data')]
    await docker.createVolume({ Name: name, Labels: { [label.plane]: plane, [label.repo]: other } })
    try {
      await assert.rejects(
        dockerVolumes(docker, plane).open(repo, 'data'),
        /without the labels of acme\/trap/,
      )
    } finally {
      await docker.getVolume(name).remove()
    }
  })

  test('security 41: the other repository’s server is neither found nor destroyed under a name that reads alike', async () => {
    const { token } = wishOf(other)
    assert.equal(await provider.find({ repo: one, node: 'web', token }), undefined)
    for (const [repo, node] of [
      ['acme/dev', 'x-web'],
      ['acme-dev/x', 'we'],
      ['acme/dev-x-web', ''],
    ] as const)
      await provider.destroy({ repo, node, id: ids[other] ?? '' }, 'remove')
    for (const repo of [one, other]) assert.equal((await provider.find(wishOf(repo)))?.id, ids[repo])
  })

  test('security 41: what the rules of the engine do not allow is refused when a server is made, too', async () => {
    const ruled = dockerProvider({ plane, rules: engineRules({ for: ['acme'] }) })
    const refused = (repo: string, wanted: object) =>
      ruled.create(wishOf(repo, 'spy', { name: 'docker', ...wanted } as Descriptor)).then(
        () => assert.fail('was made'),
        (error: Error & { data: { kind: string } }) => `${error.data.kind}: ${error.message}`,
      )
    assert.match(await refused(one, { ports: ['2222:22'] }), /^final: .*host port 2222 is not allowed/)
    assert.match(await refused(one, { network: 'bridge' }), /^final: .*network "bridge" is not allowed/)
    assert.match(await refused(one, { image: 'other:1' }), /^final: .*image "other:1" is not allowed/)
    assert.match(await refused(other, {}), /^final: .*acme-dev\/x may have no nodes/)
  })

  test('a server whose network was pruned while it was off gets it again', async () => {
    const at = { ...wishOf(one) }
    await provider.power(at, 'stop')
    await docker.getNetwork(networkName(plane, one)).remove()
    await provider.power(at, 'start')
    assert.equal((await provider.find(at))?.id, ids[one])
    assert.deepEqual((await mine(one)).networks, [networkName(plane, one)])
  })

  test('a server of an earlier version leaves the shared bridge when it is started, and its volume stays with it', async () => {
    await provider.destroy({ repo: one, node: 'web', id: '' }, 'keep')
    const former = `${formerPrefix(plane, one)}data`
    await docker.getVolume(volumeName(plane, one, 'data')).remove()
    const at = wishOf(one)
    const old = await docker.createContainer({
      name: `former-${plane}`,
      Image: 'devops-node:12',
      Labels: { [label.plane]: plane, [label.repo]: one, [label.node]: 'web', [label.token]: at.token },
      StopSignal: 'SIGRTMIN+3',
      HostConfig: {
        CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
        Tmpfs: { '/run': 'exec,mode=755', '/run/lock': '' },
        Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:ro', `${former}:/srv/data`],
      },
    })
    const found = await provider.find(at)
    assert.equal(found?.id, old.id)
    const networks = async () => Object.keys((await old.inspect()).NetworkSettings.Networks)
    assert.deepEqual(await networks(), [networkName(plane, one)])
    await old.restart({ t: 0 })
    assert.deepEqual(await networks(), [networkName(plane, one)])
    await execIn(docker, old, 'echo former >/srv/data/file')

    // The other repository's name for it is the same text.
    assert.equal(formerPrefix(plane, other), formerPrefix(plane, one))
    await provider.destroy({ repo: other, node: 'web', id: '' }, 'keep')
    ids[other] = (await provider.create(wishOf(other))).id
    assert.equal(await sh(other, 'cat /srv/data/file'), `of ${other}\n`)

    await provider.destroy({ repo: one, node: 'web', id: '' }, 'keep')
    ids[one] = (await provider.create(at)).id
    assert.equal(await sh(one, 'cat /srv/data/file'), 'former\n')
    await provider.destroy({ repo: one, node: 'web', id: '' }, 'remove')
    await assert.rejects(docker.getVolume(former).inspect(), /no such volume/i)
    assert.deepEqual((await mine(one)).volumes, [])
  })
})

describe('volumes of an earlier version', { timeout: 60_000 }, () => {
  const at = `${plane}-former`
  let docker: Docker
  const made: string[] = []
  const containers: Docker.Container[] = []
  const former = async (repo: string, name: string) => {
    const volume = `${formerPrefix(at, repo)}${name}`
    await docker.createVolume({ Name: volume })
    made.push(volume)
    return volume
  }
  const mountedBy = async (repo: string, volume: string) => {
    const Labels = { [label.plane]: at, [label.repo]: repo, [label.node]: 'web' }
    const HostConfig = { Binds: [`${volume}:/srv/data`] }
    containers.push(await docker.createContainer({ Image: 'devops-node:12', Labels, HostConfig }))
  }
  const mounts = (Name: string) => [{ Type: 'volume', Name }]
  before(async () => {
    docker = await requireDocker()
  })
  after(async () => {
    for (const container of containers) await container.remove({ force: true })
    const { Volumes } = await docker.listVolumes({ filters: { label: [`${label.plane}=${at}`] } })
    for (const name of [...made, ...Volumes.map(({ Name }) => Name)])
      await docker
        .getVolume(name)
        .remove()
        .catch((error: { statusCode?: number }) => assert.equal(error.statusCode, 404))
  })

  test('a name that can be read in one way only is its repository’s, whoever mounts it or not', async () => {
    const volume = await former('ann/site', 'data')
    assert.equal(await dockerVolumes(docker, at).open('ann/site', 'data'), volume)
    assert.equal(await dockerVolumes(docker, at).open('ann/site', 'data'), volume)
  })

  test('one that two repositories mount is given to neither; what an administrator decides is done', async () => {
    const volumes = dockerVolumes(docker, at)
    const volume = await former('both/of-us', 'data')
    await mountedBy('both/of-us', volume)
    await mountedBy('both-of/us', volume)
    for (const repo of ['both/of-us', 'both-of/us'])
      await assert.rejects(
        volumes.claim(repo, mounts(volume)),
        /is mounted by both.* and both.*: an administrator decides.*docker volume create --label/,
      )
    const said = await volumes.open('both/of-us', 'data').catch((error: Error) => error.message)
    const command = /docker volume create ((?:--label \S+ )+)(\S+?);/.exec(said)
    const labels = Object.fromEntries(
      [...(command?.[1] ?? '').matchAll(/--label ([^=]+)=(\S+)/g)].map(([, key = '', value]) => [
        key,
        value ?? '',
      ]),
    )
    await docker.createVolume({ Name: command?.[2] ?? '', Labels: labels })
    assert.equal(await volumes.open('both/of-us', 'data'), volume)
    assert.equal(await volumes.open('both-of/us', 'data'), volumeName(at, 'both-of/us', 'data'))
    assert.ok(await docker.getVolume(volume).inspect())
  })

  test('one that nobody mounts and that may be of two is refused, and is there still', async () => {
    const volumes = dockerVolumes(docker, at)
    const volume = await former('who/knows-this', 'data')
    await assert.rejects(
      volumes.open('who/knows-this', 'data'),
      /may be of who\/knows-this or of a repository/,
    )
    await assert.rejects(
      volumes.open('who-knows/this', 'data'),
      /may be of who-knows\/this or of a repository/,
    )
    await assert.rejects(volumes.open('who/knows', 'this-data'), /may be of who\/knows or of a repository/)
    await volumes.remove('who/knows-this', mounts(volume))
    assert.ok(await docker.getVolume(volume).inspect())
  })

  test('one that only another repository mounts is that one’s; this one begins with an empty volume', async () => {
    const volume = await former('late/to-it', 'data')
    await mountedBy('late-to/it', volume)
    const volumes = dockerVolumes(docker, at)
    assert.equal(await volumes.open('late/to-it', 'data'), volumeName(at, 'late/to-it', 'data'))
    await volumes.claim('late-to/it', mounts(volume))
    await containers.pop()?.remove({ force: true })
    assert.equal(await volumes.open('late-to/it', 'data'), volume)
  })
})

describe('networks of repositories', { timeout: 60_000 }, () => {
  const at = `${plane}-net`

  test('two servers made at once share one network, and it goes with the last', async () => {
    const docker = await requireDocker()
    const networks = dockerNetworks(docker, at)
    const make = (node: string) =>
      networks.within('ann/site', (network) =>
        docker.createContainer({
          Image: 'devops-node:12',
          Labels: { [label.plane]: at, [label.repo]: 'ann/site', [label.node]: node },
          HostConfig: { NetworkMode: network },
        }),
      )
    const list = async () =>
      (await docker.listNetworks({ filters: { label: [`${label.plane}=${at}`] } })).length
    const made = await Promise.all(['a', 'b'].map(make))
    try {
      assert.equal(await list(), 1)
      await made.pop()?.remove({ force: true })
      await networks.leave('ann/site')
      assert.equal(await list(), 1)
    } finally {
      for (const container of made) await container.remove({ force: true })
      await networks.leave('ann/site')
    }
    assert.equal(await list(), 0)
  })

  test('an engine without addresses for another network is told from one that is broken, with what to do', async () => {
    const engines = await startBrokenEngines()
    try {
      const { crowded } = engines
      const provider = dockerProvider({ plane: at, docker: crowded })
      await assert.rejects(provider.create(wishOf('ann/crowd')), (error) => {
        assert.ok(isProblem(error, 'provider'))
        assert.equal(error.data.kind, 'quota')
        assert.match(error.message, /no addresses left for a network of ann\/crowd.*default-address-pools/)
        return true
      })
    } finally {
      await engines[Symbol.asyncDispose]()
    }
  })
})
