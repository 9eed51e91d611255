import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireDocker } from '#testing/fleet.ts'
import { dockerProvider } from './docker.ts'
import { containerOptions } from './docker-container.ts'
import { engineFacts, factsOf, faultOfEngine, sayBoundary } from './docker-facts.ts'

const wish = { name: 'n', hostname: 'n', image: 'devops-node:12', labels: {}, binds: ['v:/srv'] }
const hostConfig = (info: Parameters<typeof factsOf>[0]) => containerOptions(wish, factsOf(info)).HostConfig

const seccomp = 'name=seccomp,profile=default'
const cases: [
  what: string,
  info: Parameters<typeof factsOf>[0],
  binds: string[],
  security: string[],
  cgroups: string,
][] = [
  [
    'version 1',
    { ServerVersion: '20.10.24+dfsg1', CgroupVersion: '1', SecurityOptions: [seccomp] },
    ['/sys/fs/cgroup:/sys/fs/cgroup:ro', 'v:/srv'],
    ['seccomp=unconfined'],
    'host',
  ],
  [
    'version 2 and an engine before 28',
    {
      ServerVersion: '27.5.1',
      CgroupVersion: '2',
      SecurityOptions: ['name=apparmor', seccomp, 'name=cgroupns'],
    },
    ['/sys/fs/cgroup:/sys/fs/cgroup:rw', 'v:/srv'],
    ['seccomp=unconfined', 'apparmor=unconfined'],
    'host',
  ],
  [
    'version 2 and an engine since 28',
    {
      ServerVersion: '28.0.0',
      CgroupVersion: '2',
      SecurityOptions: ['name=apparmor', seccomp, 'name=cgroupns'],
    },
    ['v:/srv'],
    ['seccomp=unconfined', 'apparmor=unconfined', 'writable-cgroups=true'],
    'private',
  ],
]

for (const [what, info, binds, security, cgroups] of cases)
  test(`control groups ${what}: a container mounts no more of the host than it needs`, () => {
    const found = hostConfig(info) as { Binds: string[]; SecurityOpt: string[]; CgroupnsMode: string }
    assert.deepEqual([found.Binds, found.SecurityOpt, found.CgroupnsMode], [binds, security, cgroups])
  })

test('an engine that remaps user namespaces is refused where systemd cannot run in it', () => {
  const remapped = { ServerVersion: '29.5.2', SecurityOptions: [seccomp, 'name=userns'] }
  assert.match(
    faultOfEngine(factsOf({ ...remapped, CgroupVersion: '2' })) ?? '',
    /userns-remap.*machine of its own/,
  )
  assert.equal(factsOf({ ...remapped, CgroupVersion: '2' }).ownCgroups, false)
  assert.equal(faultOfEngine(factsOf({ ...remapped, CgroupVersion: '1' })), undefined)
  assert.equal(faultOfEngine(factsOf({ CgroupVersion: '2', SecurityOptions: null })), undefined)
})

test('the offers of docker say that a node is no boundary to its host', async () => {
  const facts = await engineFacts(await requireDocker())
  const [local] = await dockerProvider({ plane: 'offers' }).locations()
  assert.equal(local?.description, `the machine of this Docker engine; ${sayBoundary(facts)}`)
  assert.match(local?.description ?? '', /SYS_ADMIN.* no boundary to the machine/)
})
