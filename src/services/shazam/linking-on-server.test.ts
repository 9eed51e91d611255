import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { converge } from './converge.ts'
import { awaken } from './providers/docker-container.ts'
import { aNode, type Desk, openDesk, repo } from './testing/desk.ts'
import { graphOf } from './testing/graphs.ts'
import { startServer, type TestServer } from './testing/server.ts'

/** Machines that are not like most: reached by IPv6, or without systemd. */
let desk: Desk
const open = new AsyncDisposableStack()
const network = `devops-engine-${randomBytes(4).toString('hex')}`
const login =
  "printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/test.conf; echo root:word | chpasswd"

before(async () => {
  const subnet = `fd00:${randomBytes(2).toString('hex')}::/64`
  execFileSync('docker', ['network', 'create', '--ipv6', '--subnet', subnet, network], { stdio: 'pipe' })
  open.defer(() => void execFileSync('docker', ['network', 'rm', network], { stdio: 'pipe' }))
  const pair = newKeyPair()
  desk = open.use(await openDesk({ publicKey: pair.public, privateKey: new Secret(pair.private) }))
  open.use(await desk.start())
})
after(() => open[Symbol.asyncDispose]())

async function machine(systemd: boolean): Promise<TestServer & { ips: string[] }> {
  const server = open.use(await startServer({ systemd, network }))
  server.sh(login)
  server.sh(systemd ? awaken : 'mkdir -p /run/sshd; ssh-keygen -A >/dev/null; /usr/sbin/sshd')
  return { ...server, ips: server.sh('hostname -I').trim().split(' ') }
}

const link = (node: string, host: string, more = {}) => {
  if (!desk.infrastructure.nodes.some(({ id }) => id === node)) desk.infrastructure.nodes.push(aNode(node))
  return desk.bus.ask('shazam.link', { repo, node, host, port: 22, user: 'root', password: 'word', ...more })
}

test('a machine is linked by its IPv6 address, with and without brackets', async () => {
  const { ips } = await machine(true)
  const ip = ips.find((one) => one.includes(':')) ?? ''
  assert.match((await link('six', `[${ip}]`)).os, /Debian/)
  const { id, host } = desk.records.get('six')?.server ?? {}
  assert.deepEqual([id, host], [`[${ip}]:22`, ip])
  // The same machine, written otherwise.
  await link('six', ip.toUpperCase())
  assert.deepEqual(desk.records.get('six')?.server?.id, id)
  await assert.rejects(link('six', 'fe80::1%eth0'), { code: 'invalid', message: /has a zone/ })
  await assert.rejects(link('six', `[${ip}]:22`), { code: 'invalid', message: /a port is given by itself/ })
})

test('a machine without systemd is refused in words at its link, and at the first look of a sync that needs it', async () => {
  const server = await machine(false)
  const said = { code: 'no_systemd', message: /does not run systemd/ }
  await assert.rejects(link('bare', server.ips[0] ?? '', { only_look: true }), said)
  await assert.rejects(link('bare', server.ips[0] ?? ''), said)
  assert.equal(desk.records.get('bare')?.server ?? null, null)
  assert.equal(server.sh('id devops 2>/dev/null || true'), '')
  const sync = (resources: string) =>
    converge({
      connection: server.connection,
      graph: graphOf(`resources: [${resources}]`),
      applied: [],
      onLine: () => {},
    })
  await assert.rejects(sync('{directory: /srv/app}, {unit: ssh, running: true}'), said)
  assert.equal(server.sh('ls /srv'), '')
  assert.deepEqual((await sync('{directory: /srv/app}')).failed, [])
})

test('who loses the right while a machine is looked at leaves nothing on it, records nothing and trusts no key', async () => {
  const server = await machine(true)
  const ip = server.ips[0] ?? ''
  /** How often the question is answered with yes. */
  let yes = 0
  desk.bus.answer('profiles.authorize', async ({ user, action }) => {
    if (yes-- > 0) return {}
    throw new Problem('forbidden', { user, action })
  })
  const forbidden = { code: 'forbidden' }
  const recorded = () => desk.records.get('late')?.server?.host_keys ?? null
  await assert.rejects(link('late', ip, { by: 'ann' }), forbidden)
  assert.equal(server.sh('id devops 2>/dev/null || true'), '')
  yes = 1
  await assert.rejects(link('late', ip, { by: 'ann' }), forbidden)
  assert.equal(recorded(), null)
  yes = 2
  const { host_key } = await link('late', ip, { by: 'ann' })
  assert.deepEqual(recorded(), [host_key])
  const record = desk.records.get('late')
  assert.ok(record?.server)
  desk.records.set('late', { ...record, server: { ...record.server, host_keys: ['SHA256:former'] } })
  const trust = () => desk.bus.ask('shazam.trust', { repo, node: 'late', by: 'ann', host_key })
  await assert.rejects(trust(), forbidden)
  assert.deepEqual(recorded(), ['SHA256:former'])
  yes = 1
  await trust()
  assert.deepEqual(recorded(), [host_key])
})
