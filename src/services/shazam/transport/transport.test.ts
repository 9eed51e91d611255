import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { openOutbound } from '#kit/outbound.ts'
import { isProblem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { fakeClock } from '#testing/clock.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { until } from '#testing/until.ts'
import { openWire } from '#testing/wire.ts'
import { type Address, openTransport } from './index.ts'

const outbound = openOutbound(['127.0.0.1'])

describe('transport', { timeout: 60_000 }, () => {
  let fleet: Fleet
  let machine: Machine
  before(async () => {
    fleet = await startFleet(1, { plane: 'transport' })
    machine = fleet.machines[0] as Machine
  })
  after(() => fleet?.[Symbol.asyncDispose]())

  const address = (more: Partial<Address> = {}): Address => ({
    repo: 'ann/site',
    node: 'web',
    host: machine.ip,
    port: 22,
    user: 'devops',
    hostKeys: machine.hostKeys,
    privateKey: async () => fleet.key.privateKey,
    ...more,
  })
  const open = (more = {}) => openTransport({ clock: systemClock, log: silentLog, outbound, ...more })

  test('a command gets its input, and gives its outputs and its exit code', async () => {
    await using transport = open()
    const connection = transport.connection(address())
    const result = await connection.exec('cat; echo oops >&2; exit 3', { stdin: 'hello' })
    assert.deepEqual(result, { code: 3, stdout: 'hello', stderr: 'oops\n' })
  })

  test('fifty commands at once share few links, and none is left when the transport is closed', async () => {
    const before = await sessions(machine)
    {
      await using transport = open()
      const connection = transport.connection(address())
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) => connection.exec(`sleep 0.05; echo ${i}`)),
      )
      assert.deepEqual(
        results.map((result) => result.stdout),
        Array.from({ length: 50 }, (_, i) => `${i}\n`),
      )
      assert.ok(transport.links <= 4, `${transport.links} links`)
    }
    await until(async () => (await sessions(machine)) === before)
  })

  test('a warm command finds its shell waiting, opens the next, and one that has died meanwhile is not used', async () => {
    await using transport = open()
    const connection = transport.connection(address())
    const shell = async () => {
      const { stdout } = await connection.exec('exec sh', { stdin: 'echo $$', warm: true })
      return Number(stdout)
    }
    const waits = async () =>
      Number(await machine.sh("pgrep -u devops -fx '(sh -c exec )?sh' | tail -n 1 || true"))
    await shell()
    const second = await until(waits)
    assert.equal(await shell(), second)
    const third = await until(async () => {
      const found = await waits()
      return found !== second && found
    })
    await machine.sh(`kill ${third}`)
    // As long as its end has not come over the link it may still be taken, and then runs nothing.
    const next = await until(shell)
    assert.notEqual(next, third)
  })

  test('of a shell whose program cannot be made nothing is run, and the reason is what is told', async () => {
    await using transport = open()
    const connection = transport.connection(address())
    const stdin = Promise.reject(new Error('no text'))
    stdin.catch(() => {})
    await assert.rejects(connection.exec('exec sh', { stdin }), /no text/)
  })

  test('an input and an output of 8 MiB arrive whole, also when the reader is slow', async () => {
    await using transport = open()
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'devo.ps ')
    let size = 0
    let inside = 0
    const result = await transport.connection(address()).exec('cat', {
      stdin: bytes,
      async onStdout(chunk) {
        assert.equal(inside++, 0, 'the next chunk waits for the last')
        await new Promise((resolve) => setImmediate(resolve))
        size += chunk.length
        inside--
      },
    })
    assert.equal(result.code, 0)
    assert.equal(size, bytes.length)
  })

  test('security 32: another host key than the pinned one is refused before anything is shown to the server', async () => {
    await using transport = open()
    const wrong = address({ hostKeys: ['SHA256:AAAA'] })
    const tries = await authTries(machine)
    await assert.rejects(transport.connection(wrong).exec('true'), { code: 'host_key' })
    assert.equal(await authTries(machine), tries)
    assert.equal(transport.links, 0)
  })

  test('at first contact the key shown is pinned once, and from then on asked for', async () => {
    await using transport = open()
    const pinned: string[] = []
    const first = address({ hostKeys: [], pin: async (key) => void pinned.push(key) })
    await transport.connection(first).exec('true')
    await transport.connection(first).exec('true')
    assert.equal(pinned.length, 1)
    assert.ok(machine.hostKeys.includes(pinned[0] ?? ''))
  })

  test('a cut link fails the command that runs, and the next command enters anew', async () => {
    await using relay = await startRelay(machine.ip)
    await using transport = open()
    const connection = transport.connection(address({ host: '127.0.0.1', port: relay.port }))
    let started = () => {}
    const running = new Promise<void>((resolve) => {
      started = resolve
    })
    const cut = connection.exec('echo here; sleep 60', { onStdout: () => started() })
    const refused = assert.rejects(cut, { code: 'unreachable' })
    await running
    relay.cut()
    await refused
    assert.equal((await connection.exec('echo again')).stdout, 'again\n')
  })

  test('a link on which nothing is said any more is given up, and the next command enters anew', async () => {
    await using wire = await openWire(machine.ip)
    await using transport = open({ keepalive: 100 })
    const connection = transport.connection(address({ host: '127.0.0.1', port: wire.port }))
    let started = () => {}
    const running = new Promise<void>((resolve) => {
      started = resolve
    })
    const silent = connection.exec('echo here; sleep 600', { onStdout: () => started() })
    const refused = assert.rejects(
      silent,
      (error) => isProblem(error, 'unreachable') && /does not answer in time/.test(error.message),
    )
    await running
    // From the next byte on, which asks for a sign of life, nothing passes.
    wire.hole(0, 2 ** 30, 'reset')
    await refused
    assert.equal(wire.cuts, 1)
    wire.heal()
    assert.equal((await connection.exec('echo again')).stdout, 'again\n')
  })

  test('no more links are being opened at once than are allowed, and all have their turn', async () => {
    const sockets = new Set<Socket>()
    const seen = { most: 0, all: 0 }
    // Takes the connection and never greets: who comes stays in the middle of the handshake until let go.
    const mute = createServer((socket) => {
      sockets.add(socket)
      seen.all++
      seen.most = Math.max(seen.most, sockets.size)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as AddressInfo
    await using transport = open({ handshakes: 2 })
    const nodes = Array.from({ length: 5 }, (_, i) => address({ node: `n${i}`, host: '127.0.0.1', port }))
    const all = Promise.allSettled(nodes.map((node) => transport.connection(node).exec('true')))
    for (let left = nodes.length; left > 0; left -= 2) {
      await until(() => sockets.size === Math.min(2, left))
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    }
    assert.ok((await all).every(({ status }) => status === 'rejected'))
    assert.deepEqual(seen, { most: 2, all: 5 })
    await new Promise((resolve) => mute.close(resolve))
  })

  test('an aborted command ends at once, on the node too', async () => {
    await using transport = open()
    const abort = new AbortController()
    const running = transport.connection(address()).exec('exec sleep 4242', { signal: abort.signal })
    const refused = assert.rejects(running, { code: 'cancelled' })
    await until(() => machine.sh('pgrep -fx "sleep 4242"'))
    abort.abort()
    await refused
    await until(async () => (await machine.sh('pgrep -fx "sleep 4242" || echo none')) === 'none\n')
  })

  test('why a node cannot be entered is said in words', async () => {
    await using transport = open({ timeout: 500 })
    const reason = (more: Partial<Address>) =>
      transport
        .connection(address(more))
        .exec('true')
        .then(
          () => 'entered',
          (error: Error) => error.message,
        )
    assert.match(await reason({ port: 1 }), /refused: nothing listens/)
    assert.match(await reason({ host: 'no-such-host.invalid' }), /name/)
    assert.match(await reason({ user: 'nobody' }), /refuses the login of nobody/)
    const stranger = newKeyPair()
    assert.match(
      await reason({ node: 'other', privateKey: async () => new Secret(stranger.private) }),
      /refuses the login of devops/,
    )
    await using mute = await startMute()
    assert.match(await reason({ host: '127.0.0.1', port: mute.port }), /does not answer in time/)
    assert.equal(transport.links, 0)
  })

  test('a link without commands is closed after the idle time', async () => {
    const clock = fakeClock()
    await using transport = open({ clock, idle: 1000 })
    const connection = transport.connection(address())
    await connection.exec('true')
    await clock.advance(999)
    assert.equal(transport.links, 1)
    await clock.advance(1)
    await until(() => transport.links === 0)
    assert.equal((await connection.exec('echo back')).stdout, 'back\n')
  })

  test('a server that allows one session a connection is worked with all the same', async () => {
    await machine.sh('echo "MaxSessions 1" >/etc/ssh/sshd_config.d/max.conf; systemctl reload ssh')
    await using transport = open()
    const connection = transport.connection(address())
    await until(async () => (await connection.exec('echo up')).stdout === 'up\n')
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => connection.exec(`echo ${i}`)))
    assert.equal(results.length, 12)
    await machine.sh('rm /etc/ssh/sshd_config.d/max.conf; systemctl reload ssh')
  })
})

const sessions = async (machine: Machine) => Number(await machine.sh('pgrep -c -f "sshd: devops" || true'))
const authTries = async (machine: Machine) =>
  Number(await machine.sh('journalctl -u ssh | grep -c "authenticating user" || true'))

/** A way to the node that can be cut. */
async function startRelay(host: string) {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(22, host)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as { port: number }).port,
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Takes connections and never says a word. */
async function startMute() {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
