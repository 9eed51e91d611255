import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { openOutbound } from '#kit/outbound.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { until } from '#testing/until.ts'
import { type Address, openTransport, type Transport } from './index.ts'

const outbound = openOutbound(['127.0.0.1', '::1'])

/** Ways that are not straight: over another server, and by IPv6. Real sshd at every end. */
describe('ways', { timeout: 60_000 }, () => {
  let fleet: Fleet
  let bastion: Machine
  let inner: Machine
  before(async () => {
    fleet = await startFleet(2, { plane: 'ways' })
    bastion = fleet.machines[0] as Machine
    inner = fleet.machines[1] as Machine
    // Whoever comes straight is turned away: only the way over the other one is open. Restarted, for a reload ends before
    // sshd listens again.
    await inner.sh(
      `printf 'Match Address *,!${bastion.ip}\\n  DenyUsers *\\n' >/etc/ssh/sshd_config.d/90-inner.conf; systemctl restart ssh`,
    )
  })
  after(() => fleet?.[Symbol.asyncDispose]())

  const at = (machine: Machine, node: string, more: Partial<Address> = {}): Address => ({
    repo: 'ann/site',
    node,
    host: machine.ip,
    port: 22,
    user: 'devops',
    hostKeys: machine.hostKeys,
    privateKey: async () => fleet.key.privateKey,
    ...more,
  })
  const open = (more = {}): Transport =>
    openTransport({ clock: systemClock, log: silentLog, outbound, ...more })
  const behind = (more: Partial<Address> = {}) =>
    at(inner, 'inner', { jump: async () => at(bastion, 'bastion'), ...more })

  test('a server that cannot be entered straight is entered over another, with both keys checked', async () => {
    await using transport = open()
    await assert.rejects(transport.connection(at(inner, 'inner')).exec('true'), { code: 'login_refused' })
    const over = transport.connection(behind())
    const { stdout } = await over.exec('hostname; echo $SSH_CONNECTION')
    assert.ok(stdout.startsWith(`machine-1\n${bastion.ip} `), stdout)
    const wrong = transport.connection(behind({ node: 'wrong', hostKeys: ['SHA256:AAAA'] }))
    await assert.rejects(wrong.exec('true'), { code: 'host_key' })
    const stranger = behind({
      node: 'other',
      jump: async () => at(bastion, 'stranger', { hostKeys: ['SHA256:AAAA'] }),
    })
    await assert.rejects(transport.connection(stranger).exec('true'), { code: 'host_key' })
  })

  test('more servers behind one than handshakes at once: none waits for the other', async () => {
    await using transport = open({ handshakes: 1 })
    const many = ['a', 'b', 'c'].map((node) => transport.connection(behind({ node })).exec('echo in'))
    assert.deepEqual(
      (await Promise.all(many)).map(({ stdout }) => stdout),
      ['in\n', 'in\n', 'in\n'],
    )
  })

  test('the link to the one in between stays while something goes over it, and is closed when nothing does', async () => {
    await using transport = open({ idle: 300 })
    const running = transport.connection(behind()).exec('sleep 1; echo still here')
    assert.equal((await running).stdout, 'still here\n')
    await until(() => transport.links === 0)
  })

  test('where the way ends is said: the port behind, or the server in between', async () => {
    await using transport = open()
    const closed = transport.connection(behind({ node: 'closed', port: 1 })).exec('true')
    await assert.rejects(closed, (error: Error) => {
      assert.match(error.message, /Node closed cannot be reached: .*:1: .* finds no way there/)
      return true
    })
    const jump = async () => at(bastion, 'away', { port: 1 })
    await assert.rejects(transport.connection(behind({ node: 'lost', jump })).exec('true'), {
      code: 'unreachable',
      message: /Node away cannot be reached/,
    })
  })

  test('a server is entered by its IPv6 address', async () => {
    const forward = createServer((near) => {
      const far = connect(22, bastion.ip)
      near.pipe(far).pipe(near)
      near.on('error', () => far.destroy())
      far.on('error', () => near.destroy())
    })
    await new Promise<void>((done) => forward.listen(0, '::1', done))
    try {
      await using transport = open()
      const { port } = forward.address() as { port: number }
      const connection = transport.connection(at(bastion, 'six', { host: '::1', port }))
      assert.equal((await connection.exec('echo six')).stdout, 'six\n')
    } finally {
      await new Promise((done) => forward.close(done))
    }
  })
})
