import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { newKeyPair } from '#kit/ssh-key.ts'
import { ANN, startTestApi } from '#services/api/testing/platform.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { runCli } from './index.ts'

failOnLeaks()

/** Something that shows a host key, which is all that ssh-keyscan wants. */
async function startHost() {
  const { private: privateKey, public: publicKey } = newKeyPair()
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => client.on('error', () => {}))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const [, key = ''] = publicKey.split(' ')
  return {
    port: (server.address() as { port: number }).port,
    key,
    fingerprint: `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  }
}

test('ssh hands the system ssh the address and only the pinned host key, and returns its exit code', async () => {
  await using host = await startHost()
  await using api = await startTestApi()
  const server = { provider: 'ssh', id: 'x', host: '127.0.0.1', port: host.port, user: 'root', made_from: {} }
  const record = (host_keys: string[]) => ({
    repo: 'ann/shop',
    node: 'web',
    server: { ...server, host_keys },
    facts: {},
    applied: null,
    created_at: null,
  })
  let args: string[] = []
  let known = ''
  let err = ''
  const devops = (...argv: string[]) => {
    err = ''
    return runCli(argv, {
      stdout: { write() {} },
      stderr: {
        write(text) {
          err += text
        },
      },
      stdin: Readable.from([]),
      env: { DEVOPS_SERVER: api.url, DEVOPS_TOKEN: ANN },
      home: '/nonexistent',
      cwd: '/',
      async exec(command, given) {
        args = [command, ...given]
        known = readFileSync(
          given.find((arg) => arg.startsWith('UserKnownHostsFile='))?.split('=')[1] ?? '',
          'utf8',
        )
        return 7
      },
    })
  }
  api.world.records = [record(['SHA256:other', host.fingerprint])]
  assert.equal(await devops('ssh', '--repo', 'ann/shop', 'web', '--', 'uptime', '-p'), 7)
  assert.deepEqual(
    [args[0], args.slice(1, 5), args.slice(-4)],
    ['ssh', ['-p', String(host.port), '-l', 'devops'], ['--', '127.0.0.1', 'uptime', '-p']],
  )
  assert.equal(known, `[127.0.0.1]:${host.port} ssh-ed25519 ${host.key}\n`)
  assert.equal(await devops('ssh', '--repo', 'ann/shop', '--', 'uptime'), 7)
  assert.deepEqual(args.slice(-3), ['--', '127.0.0.1', 'uptime'])
  args = []
  api.world.records = [record(['SHA256:other'])]
  assert.equal(await devops('ssh', '--repo', 'ann/shop', 'web'), 1)
  assert.deepEqual(args, [])
  assert.match(err, /^error: web shows another host key than before. Nothing was sent to it.\n/)
  const behind = record([host.fingerprint])
  api.world.records = [{ ...behind, server: { ...behind.server, jump: { node: 'gate' } } }]
  assert.equal(await devops('ssh', '--repo', 'ann/shop', 'web'), 1)
  assert.deepEqual(args, [])
  assert.match(err, /web lies behind gate[\s\S]*ssh -J gate devops@127.0.0.1/)
})
