import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { until } from '#testing/until.ts'
import { type Converged, converge } from './converge.ts'
import type { Entry } from './resources/kind.ts'
import { graphOf } from './testing/graphs.ts'
import type { Connection } from './transport/connection.ts'
import { openTransport, type Transport } from './transport/index.ts'

/** Changes that shut us out, on a server that is entered by SSH as any other. */
describe('guard', { timeout: 240_000 }, () => {
  let fleet: Fleet
  let machine: Machine
  let transport: Transport
  let connection: Connection
  let applied: Entry[] = []
  const lines: string[] = []
  before(async () => {
    fleet = await startFleet(1, { plane: 'guard' })
    machine = fleet.machines[0] as Machine
    transport = openTransport({ clock: systemClock, log: silentLog, timeout: 3000 })
    const { ip: host, hostKeys } = machine
    const privateKey = async () => fleet.key.privateKey
    connection = transport.connection({
      repo: 'ann/site',
      node: 'web',
      host,
      port: 22,
      user: 'devops',
      hostKeys,
      privateKey,
    })
  })
  after(async () => {
    await transport?.[Symbol.asyncDispose]()
    await fleet?.[Symbol.asyncDispose]()
  })

  async function make(resources: string): Promise<Converged> {
    lines.length = 0
    const result = await converge({
      connection,
      graph: graphOf(resources),
      applied,
      onLine: ({ text }) => void lines.push(text),
      patience: 4,
    })
    applied = result.manifest
    return result
  }
  const failed = ({ failed }: Converged) => failed.map(({ resource }) => resource)
  const left = () =>
    machine.sh(
      'ls -d /var/lib/devops/guard /run/devops/undo /etc/systemd/system/devops-guard.service 2>/dev/null; systemctl list-units | grep -c devops-guard || true',
    )

  const sshd = (text: string) => `resources:
  - file: /etc/ssh/sshd_config.d/test.conf
    content: "${text}\\n"
    notify: reload:ssh`

  test('a change of sshd that lets us in goes through, and nothing is left of the undo', async () => {
    const result = await make(sshd('LogLevel VERBOSE'))
    assert.deepEqual([failed(result), result.cut], [[], false])
    assert.ok(lines.some((line) => /the node takes it back/.test(line)))
    await until(async () => (await left()) === '0\n')
  })

  test('a port of sshd that shuts us out is taken back, and the sync says so', async () => {
    const result = await make(sshd('Port 2222'))
    assert.deepEqual([failed(result), result.cut], [['file:/etc/ssh/sshd_config.d/test.conf'], true])
    assert.match(result.failed[0]?.reason ?? '', /no new connection got in after it, so the node gave back/)
    assert.equal(
      (await connection.exec('cat /etc/ssh/sshd_config.d/test.conf', { fresh: true })).stdout,
      'LogLevel VERBOSE\n',
    )
    assert.deepEqual([result.manifest[0]?.incomplete, await left()], [true, '0\n'])
  })

  test('a node that goes down before anybody has confirmed such a change takes it back when it is up again', async () => {
    const making = make(sshd('Port 2222'))
    const changed =
      'grep -q 2222 /etc/ssh/sshd_config.d/test.conf && test -e /var/lib/devops/guard/armed && echo yes'
    await until(async () => (await machine.sh(`${changed} || echo no`)) === 'yes\n')
    await machine.reboot()
    await making.catch(() => undefined)
    const back = 'cat /etc/ssh/sshd_config.d/test.conf'
    await until(async () => (await machine.sh(back)) === 'LogLevel VERBOSE\n')
    await until(
      async () =>
        (await connection.exec('echo in', { fresh: true }).catch(() => undefined))?.stdout === 'in\n',
    )
  })

  test('a node that goes down while it takes such a change back does it again, to the end, when it is up', async () => {
    // Its handler stands still from when the node has begun to take the change back until we let it go on.
    const making = make(`${sshd('Port 2222').replace('reload:ssh', 'slowly')}
handlers:
  slowly: {run: 'if [ -e /var/lib/devops/guard/firing ]; then : >/run/begun; while [ -e /var/lib/hold ]; do sleep 1; done; fi; systemctl reload ssh'}`)
    await machine.sh(': >/var/lib/hold')
    const begun = 'cat /run/begun 2>/dev/null && echo yes || echo no'
    await until(async () => (await machine.sh(begun)) === 'yes\n')
    await machine.reboot()
    // /run is another now: it was begun once more.
    await until(async () => (await machine.sh(begun)) === 'yes\n')
    await machine.sh('rm /var/lib/hold')
    const result = await making
    assert.deepEqual([failed(result), result.cut], [['file:/etc/ssh/sshd_config.d/test.conf'], true])
    assert.equal(
      (await connection.exec('cat /etc/ssh/sshd_config.d/test.conf', { fresh: true })).stdout,
      'LogLevel VERBOSE\n',
    )
    await until(async () => (await left()) === '0\n')
  })

  test('a firewall that drops all, the open link too, is taken back by the node alone', async () => {
    await make('resources: []')
    await machine.sh('apt-get -qq update && apt-get -qq -y install nftables >/dev/null')
    const before = await tables()
    const result = await make(`resources:
  - file: /etc/block.nft
    content: "table inet block { chain input { type filter hook input priority 0; policy drop; }; }\\n"
    cuts_link: true
    notify: load
handlers:
  load: {run: 'if [ -e /etc/block.nft ]; then nft -f /etc/block.nft; else nft delete table inet block; fi'}`)
    assert.deepEqual([failed(result), result.cut], [['file:/etc/block.nft'], true])
    assert.deepEqual(
      [await machine.sh('ls /etc/block.nft 2>/dev/null || true'), await tables()],
      ['', before],
    )
  })

  test('our own firewall opens what is wished and the port of sshd, whatever the rules say', async () => {
    const listen = (port: number) => `systemd-socket-activate --inetd -a -l ${port} cat`
    await machine.sh([80, 81, 82].map((port) => `systemd-run -q ${listen(port)}`).join('; '))
    await until(() => answers(80))
    const before = await tables()
    const firewall = (rules: string) => `resources:
  - firewall: drop
  - {firewall_rule: web, ports: [80, '8000-8010']}
  - {firewall_rule: no-ssh, ports: 22, action: drop}
${rules}`
    const result = await make(
      firewall("  - {firewall_rule: other, ports: 82, from: [192.0.2.0/24, 'fd00::/8']}"),
    )
    assert.deepEqual([failed(result), result.cut], [[], false])
    assert.deepEqual([await answers(80), await answers(81), await answers(82)], [true, false, false])
    const again = await make(
      firewall("  - {firewall_rule: other, ports: 82, from: [192.0.2.0/24, 'fd00::/8']}"),
    )
    assert.ok(again.changes.every(({ verdict }) => verdict === 'no change'))
    await machine.sh('nft delete table inet devops')
    assert.deepEqual(
      (await make(firewall(''))).changes
        .filter(({ verdict }) => verdict === 'change')
        .map(({ resource }) => resource),
      ['file:/etc/devops/firewall/other.nft', 'command:load the firewall'],
    )
    assert.deepEqual([await answers(80), await answers(82)], [true, false])
    assert.deepEqual(failed(await make('resources: []')), [])
    assert.equal(await answers(81), true)
    assert.deepEqual(
      [await machine.sh('ls -d /etc/devops 2>/dev/null || true'), await tables()],
      ['', before],
    )
  })

  /** The engine has one of its own there, for names of containers. */
  const tables = () => machine.sh('nft list tables')
  const answers = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host: machine.ip, port, timeout: 1000 })
      const end = (came: boolean) => {
        socket.destroy()
        resolve(came)
      }
      socket.once('connect', () => end(true))
      socket.once('timeout', () => end(false))
      socket.once('error', () => end(false))
    })
})
