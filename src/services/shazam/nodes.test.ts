import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { EventData } from '#contracts'
import { checkRepository, readCatalog } from '#language'
import { type Fleet, requireDocker, startFleet } from '#testing/fleet.ts'
import { ownAddress } from '#testing/own-address.ts'
import { dockerProvider } from './providers/docker.ts'
import { execIn } from './providers/docker-container.ts'
import { aNode, type Desk, openDesk, record, repo, serverOf } from './testing/desk.ts'

const plane = `nodes-${process.pid}-${Date.now()}`
const catalog = readCatalog(resolve(join(import.meta.dirname, '../../../catalog')))

describe('nodes', { timeout: 600_000 }, () => {
  let fleet: Fleet
  let desk: Desk
  let service: AsyncDisposable
  before(async () => {
    fleet = await startFleet(1, { plane: 'nodes', strangers: true })
    desk = await openDesk(fleet.key, ':memory:', catalog)
    service = await desk.start({ plane })
  })
  after(async () => {
    await service?.[Symbol.asyncDispose]()
    await desk?.[Symbol.asyncDispose]()
    await dockerProvider({ plane }).destroy({ repo, node: 'web', id: '' }, 'remove')
    await fleet?.[Symbol.asyncDispose]()
  })

  const send = async (node: string, work: string, goal: 'converge' | 'destroy' = 'converge') => {
    const payload = { repo, node, work, commit: null, attempt: 1, goal }
    await desk.bus.send('shazam.nodes', { payload })
  }
  const sh = async (container: string, line: string) => {
    const docker = await requireDocker()
    return await execIn(docker, docker.getContainer(container), line)
  }
  const told = async (type: string) =>
    (await desk.event((event) => event.type === type)).data as unknown as EventData<'node.*.create.error'> &
      EventData<'node.*.create.success'>
  const waits = async (node: string) =>
    (await desk.event(({ type }) => type === `node.${node}.waits`)).data as EventData<'node.*.waits'>
  const failures = (node: string) =>
    desk.events.filter(({ type }) => type.startsWith(`node.${node}.`) && type.endsWith('.error'))

  test('a node is created, made to match, and a second sync changes nothing', async () => {
    desk.infrastructure.nodes.push(aNode('web', { provider: { name: 'docker' } }))
    await send('web', 'w1')
    const first = await told('node.web.create.success')
    assert.ok(first.changed > 0)
    const kept = desk.records.get('web')
    assert.equal(kept?.server?.provider, 'docker')
    assert.ok(kept?.created_at)
    assert.ok((kept?.applied?.manifest.length ?? 0) > 0)
    await send('web', 'w2')
    assert.equal((await told('node.web.update.success')).changed, 0)
    const types = desk.events.filter((event) => event.name === 'web').map((event) => event.type)
    assert.deepEqual(types, [
      'node.web.create.start',
      'node.web.create.success',
      'node.web.update.start',
      'node.web.update.success',
    ])
  })

  test('a plan of it says no change, recorded and live; another wish says what changes', async () => {
    for (const live of [false, true]) {
      const [plan] = await desk.bus.ask('shazam.plan', { repo, nodes: ['web'], live })
      assert.equal(
        plan?.verdict,
        'no change',
        JSON.stringify(plan?.changes.filter((one) => one.verdict !== 'no change')),
      )
    }
    const grown = {
      ...desk.infrastructure,
      nodes: [aNode('web', { provider: { name: 'docker', size: 'large' } })],
    }
    const [plan] = await desk.bus.ask('shazam.plan', { repo, next: grown, live: false })
    assert.equal(plan?.verdict, 'change')
    assert.deepEqual(
      plan?.changes.filter(({ verdict }) => verdict === 'change').map(({ summary }) => summary),
      ['resize the server where it is: size none -> large'],
    )
    const other = [aNode('web', { provider: { name: 'docker', image: 'another:1' } })]
    const [anew] = await desk.bus.ask('shazam.plan', { repo, next: { ...grown, nodes: other }, live: false })
    assert.equal(anew?.verdict, 'replace')
    assert.equal(anew?.reason, 'image none -> another:1 takes another server')
    const wrong = [aNode('web', { provider: { name: 'docker', size: 'huge' } })]
    const [unknown] = await desk.bus.ask('shazam.plan', {
      repo,
      next: { ...grown, nodes: wrong },
      live: false,
    })
    assert.match(unknown?.reason ?? '', /must be one of small, medium, large/)
    const [gone] = await desk.bus.ask('shazam.plan', { repo, next: { ...grown, nodes: [] }, live: false })
    assert.equal(gone?.verdict, 'destroy')
  })

  test('a sync that is held to a plan does it when nothing has moved since, and touches nothing when something has', async () => {
    const container = desk.records.get('web')?.server?.id ?? ''
    const spoil = (name: string) => sh(container, `hostname ${name}`)
    const look = async () => (await desk.bus.ask('shazam.plan', { repo, nodes: ['web'], live: true }))[0]
    const hold = async (work: string, digest = '') => {
      desk.events.length = 0
      const promised = { plan: 'p1', verdict: 'change' as const, digest }
      await desk.bus.send('shazam.nodes', {
        payload: { repo, node: 'web', work, commit: null, attempt: 1, goal: 'converge', promised },
      })
    }
    await spoil('first')
    const plan = await look()
    assert.equal(plan?.verdict, 'change')
    assert.equal((await look())?.digest, plan?.digest)
    await spoil('second')
    await hold('w2a', plan?.digest)
    const { error, retry } = await told('node.web.update.error')
    assert.equal(error.code, 'plan_moved')
    assert.match(error.message, /Plan p1 does not hold any more: what would be done now is: .*second/)
    assert.equal(retry, false)
    assert.equal(await sh(container, 'hostname'), 'second\n')
    await hold('w2b', (await look())?.digest)
    assert.equal((await told('node.web.update.success')).changed, 1)
    assert.equal((await look())?.verdict, 'no change')
  })

  test('another size is given to the server where it is: same server, same data, found again', async () => {
    const before = desk.records.get('web')?.server
    await sh(before?.id ?? '', 'echo mine >/root/data')
    const node = desk.infrastructure.nodes.find(({ id }) => id === 'web')
    if (node) node.provider = { name: 'docker', size: 'small' }
    desk.events.length = 0
    await send('web', 'w2c')
    await told('node.web.update.success')
    const after = desk.records.get('web')?.server
    assert.equal(after?.id, before?.id)
    assert.deepEqual(after?.made_from, { name: 'docker', size: 'small' })
    assert.equal(await sh(after?.id ?? '', 'cat /root/data'), 'mine\n')
    const docker = await requireDocker()
    const { HostConfig } = await docker.getContainer(after?.id ?? '').inspect()
    assert.equal(HostConfig.Memory, 512 * 1024 * 1024)
    const found = await dockerProvider({ plane }).find({ repo, node: 'web', token: after?.token ?? '' })
    assert.equal(found?.id, before?.id)
  })

  test('its power is switched from outside; started again it is known where it is, by the keys that it had', async () => {
    const before = desk.records.get('web')?.server
    const docker = await requireDocker()
    const inspect = () => docker.getContainer(before?.id ?? '').inspect()
    const power = (act: 'start' | 'stop' | 'reboot') =>
      desk.bus.ask('shazam.power', { repo, node: 'web', act })
    await power('stop')
    assert.equal((await inspect()).State.Running, false)
    // Whoever comes now gets the lowest free address, which is that of the stopped one.
    const thief = { repo, node: 'thief', descriptor: { name: 'docker' }, publicKey: fleet.key.publicKey }
    const provider = dockerProvider({ plane })
    try {
      await provider.create({ ...thief, token: 'thief' })
      await power('start')
      const started = desk.records.get('web')?.server
      const { State, NetworkSettings } = await inspect()
      assert.equal(State.Running, true)
      assert.equal(started?.host, Object.values(NetworkSettings.Networks)[0]?.IPAddress)
      assert.deepEqual(started?.host_keys, before?.host_keys)
      await power('reboot')
      assert.notEqual((await inspect()).State.StartedAt, State.StartedAt)
      const [plan] = await desk.bus.ask('shazam.plan', { repo, nodes: ['web'], live: true })
      assert.notEqual(plan?.verdict, 'unknown', plan?.reason ?? '')
    } finally {
      await provider.destroy({ ...thief, id: '' }, 'remove')
    }
    await assert.rejects(
      desk.bus.ask('shazam.power', { repo, node: 'nowhere', act: 'stop' }),
      /no server of node nowhere/,
    )
  })

  test('what a provider offers is what a descriptor of a node takes; one that is not known says which are', async () => {
    const offers = await desk.bus.ask('shazam.offers', { repo, provider: 'docker' })
    for (const { id: size } of offers.sizes) {
      dockerProvider({ plane }).check({ name: 'docker', size })
      const [location, image] = [offers.locations[0]?.id, offers.images[0]?.id]
      const content = JSON.stringify({
        id: 'web',
        type: 'server',
        provider: { name: 'docker', size, location, image },
      })
      assert.deepEqual(checkRepository([{ path: 'nodes/web.json', content }], { catalog }).findings, [])
    }
    assert.ok(offers.images.some(({ id }) => id === 'devops-node:12'))
    assert.deepEqual(await desk.bus.ask('shazam.offers', { repo, provider: 'ssh' }), {
      sizes: [],
      locations: [],
      images: [],
    })
    await assert.rejects(
      desk.bus.ask('shazam.offers', { repo, provider: 'nimbus' }),
      /unknown provider "nimbus", there are: docker, ssh/,
    )
  })

  test('a server that has vanished at its provider is made anew', async () => {
    const before = desk.records.get('web')?.server?.id
    await dockerProvider({ plane }).destroy({ repo, node: 'web', id: '' }, 'remove')
    desk.events.length = 0
    await send('web', 'w3')
    await told('node.web.update.success')
    assert.notEqual(desk.records.get('web')?.server?.id, before)
  })

  test('a destroyed node leaves no server and no record', async () => {
    await send('web', 'w4', 'destroy')
    await told('node.web.delete.success')
    assert.equal(desk.records.has('web'), false)
    const docker = await requireDocker()
    const left = await docker.listContainers({ all: true, filters: { label: [`ps.devo.plane=${plane}`] } })
    assert.deepEqual(left, [])
  })

  test('a node that was never linked says how to link it, and waits for that', async () => {
    desk.infrastructure.nodes.push(aNode('lonely'))
    await send('lonely', 'w5')
    const { reason } = await waits('lonely')
    assert.deepEqual(reason, { code: 'unlinked', message: 'lonely waits to be linked: devops link lonely' })
    assert.deepEqual(failures('lonely'), [])
  })

  test('a node that is not in the commit is done at once', async () => {
    await send('stranger', 'w6')
    assert.equal((await told('node.stranger.update.success')).changed, 0)
    assert.ok(desk.texts('platform').some((text) => text.includes('stranger is not in the repository')))
  })

  test('a machine is linked with a password once, waits for values of others, is synced, and left clean of what we owned', async () => {
    const machine = fleet.machines[0]
    assert.ok(machine)
    desk.infrastructure.nodes.push(aNode('old'))
    const { password } = machine.root
    const wrong = {
      repo,
      node: 'old',
      host: machine.ip,
      port: 22,
      user: 'root',
      password,
      host_key: 'SHA256:AAAA',
    }
    await assert.rejects(desk.bus.ask('shazam.link', wrong), { code: 'host_key' })
    await assert.rejects(
      desk.bus.ask('shazam.link', { ...wrong, host_key: undefined, password: 'wrong' } as never),
      {
        code: 'login_refused',
      },
    )
    const { host_key: _, ...right } = wrong
    const linked = await desk.bus.ask('shazam.link', right)
    assert.ok(machine.hostKeys.includes(linked.host_key))
    assert.match(linked.os, /Debian/)
    assert.deepEqual(desk.records.get('old')?.server?.host_keys, [linked.host_key])
    desk.infrastructure.nodes.push(aNode('early'))
    desk.records.set('early', record('early', desk.records.get('old')?.server))
    await send('early', 'w6a')
    assert.deepEqual((await waits('early')).reason, { code: 'unresolved', message: 'db.ip is not known yet' })
    assert.deepEqual(failures('early'), [])
    await send('old', 'w7')
    await told('node.old.create.success')
    await send('old', 'w8', 'destroy')
    await told('node.old.delete.success')
    assert.equal(desk.records.has('old'), false)
  })

  test('the platform’s own machine is told as such before it is linked, any other is not', async () => {
    const machine = fleet.machines[0]
    assert.ok(machine)
    desk.infrastructure.nodes.push(aNode('self'))
    const look = async (host: string, port: number) => {
      const asked = { repo, node: 'self', host, port, user: 'root', password: machine.root.password }
      return await desk.bus.ask('shazam.link', { ...asked, only_look: true })
    }
    assert.deepEqual((await look(machine.ip, 22)).warnings, [])
    // The fleet's machine, as if it were this one: by an address that is this one's.
    const door = createServer((socket) => {
      const inside = connect(22, machine.ip)
      socket.pipe(inside).pipe(socket)
      socket.on('error', () => inside.destroy())
      inside.on('error', () => socket.destroy())
    })
    const own = ownAddress()
    await new Promise<void>((resolve) => door.listen(0, own, resolve))
    try {
      const { port } = door.address() as AddressInfo
      const [warning] = (await look(own, port)).warnings
      assert.match(String(warning), /own machine: whoever may push to .* will be root there/)
    } finally {
      await new Promise((resolve) => door.close(resolve))
    }
  })

  test('a sync of a machine that shows another key is refused, and not tried again', async () => {
    const machine = fleet.machines[0]
    assert.ok(machine)
    desk.infrastructure.nodes.push(aNode('swapped'))
    desk.records.set('swapped', record('swapped', serverOf(machine, { host_keys: ['SHA256:AAAA'] })))
    await send('swapped', 'w9')
    const { error, retry } = await told('node.swapped.create.error')
    assert.equal(error.code, 'host_key')
    assert.equal(retry, false)
  })
})
