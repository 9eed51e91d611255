import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { openOutbound } from '#kit/outbound.ts'
import { isProblem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { aNode, openDesk, repo } from './testing/desk.ts'
import { openTransport } from './transport/index.ts'

failOnLeaks()

const pair = newKeyPair()
const outbound = openOutbound(['127.0.0.1'])

/** A server that lets any key in and answers every command; what it was asked for besides. */
async function startSshd(algorithms: ssh2.Algorithms = {}) {
  const asked: string[] = []
  const clients = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [pair.private], algorithms }, (client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    client.on('authentication', (context) => {
      asked.push(context.method)
      context.accept()
    })
    client.on('request', (_accept, _reject, name) => asked.push(name))
    client.on('session', (accept) => {
      const session = accept()
      for (const event of ['auth-agent', 'x11', 'env', 'pty', 'shell', 'sftp'] as const)
        session.on(event as 'env', (_accept, reject) => {
          asked.push(event)
          reject?.()
        })
      session.on('exec', (take) => {
        asked.push('exec')
        const stream = take()
        stream.exit(0)
        stream.end()
      })
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

async function enter(port: number): Promise<void> {
  await using transport = openTransport({ clock: systemClock, log: silentLog, outbound })
  const address = { repo, node: 'web', host: '127.0.0.1', port, user: 'devops', hostKeys: [] }
  const privateKey = async () => new Secret(pair.private)
  await transport.connection({ ...address, privateKey }).exec('true')
}

for (const [what, algorithms] of [
  ['ChaCha20', { cipher: ['chacha20-poly1305@openssh.com'] }],
  ['CBC', { cipher: ['aes256-cbc'] }],
  ['a MAC of MD5', { cipher: ['aes128-ctr'], hmac: ['hmac-md5'] }],
  ['a MAC of SHA-1', { cipher: ['aes128-ctr'], hmac: ['hmac-sha1'] }],
  ['a key exchange with SHA-1', { kex: ['diffie-hellman-group14-sha1'] }],
] as [string, ssh2.Algorithms][])
  test(`security 33: a server that offers nothing but ${what} is not entered`, async () => {
    await using server = await startSshd(algorithms)
    await assert.rejects(enter(server.port), (error) => {
      assert.ok(isProblem(error, 'unreachable'), String(error))
      assert.match(error.message, /no matching/)
      return true
    })
    assert.deepEqual(server.asked, [])
  })

test('security 33: strict key exchange is offered, and nothing that Terrapin breaks, nor anything of SHA-1', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const server = createServer((socket) => {
    let said = ''
    socket.on('error', () => {})
    socket.write('SSH-2.0-listener\r\n')
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1')
      // The list of compressions is the last of what a client says first.
      if (!said.includes('\0\u0004none')) return
      resolve(said)
      socket.destroy()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  await assert.rejects(enter((server.address() as AddressInfo).port))
  const offer = await promise
  assert.match(offer, /kex-strict-c-v00@openssh\.com/)
  assert.doesNotMatch(offer, /chacha20|-cbc|sha1|md5|ssh-rsa|ssh-dss/)
  await new Promise((done) => server.close(done))
})

test('security 33: the agent is never forwarded, nor is anything asked for but the command', async (t) => {
  const { SSH_AUTH_SOCK } = process.env
  process.env.SSH_AUTH_SOCK = '/tmp/an-agent'
  t.after(() => {
    if (SSH_AUTH_SOCK === undefined) delete process.env.SSH_AUTH_SOCK
    else process.env.SSH_AUTH_SOCK = SSH_AUTH_SOCK
  })
  await using server = await startSshd()
  await enter(server.port)
  assert.deepEqual([...new Set(server.asked)].sort(), ['exec', 'none'])
})

const odd = ['x\nProxyCommand id', 'x\rid', 'x;id', '$(id)', '`id`', 'x id', "x'id'", 'x\0', 'x|id', 'x&', '']
const parameters: Record<string, unknown[]> = {
  host: [...odd, '-oProxyCommand=id'],
  user: [...odd, '-l', 'Root', 'x@y'],
  port: [0, 65536, '22; id', 2.5],
  jump: [...odd.filter((text) => text !== ''), '-J x', 'root@-oProxyCommand=id'],
  env: [{ LD_PRELOAD: '/tmp/x.so' }],
}

test('security 34: line ends, shell and environment in what a link is given are refused, and nobody is called', async () => {
  let calls = 0
  const server = createServer((socket) => {
    calls++
    socket.destroy()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const key = { publicKey: pair.public, privateKey: new Secret(pair.private) }
  await using desk = await openDesk(key)
  desk.infrastructure.nodes.push(aNode('web'))
  await using _ = await desk.start({ outbound })
  const good = { repo, node: 'web', host: '127.0.0.1', port, user: 'root', password: 'x' }
  for (const [name, values] of Object.entries(parameters))
    for (const value of values)
      await assert.rejects(
        desk.bus.ask('shazam.link', { ...good, [name]: value } as typeof good),
        (error) => isProblem(error, 'invalid'),
        `${name}: ${JSON.stringify(value)}`,
      )
  assert.equal(calls, 0)
  // The same with nothing wrong in it calls.
  await assert.rejects(desk.bus.ask('shazam.link', good), (error) => isProblem(error, 'unreachable'))
  assert.equal(calls, 1)
  await new Promise((done) => server.close(done))
})
