import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { Problem } from '#kit/problem.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { ANN, startTestApi } from '#services/api/testing/platform.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { runCli } from './index.ts'

failOnLeaks()

const run = promisify(execFile)

/** Something that shows a host key, which is all that ssh-keyscan wants. */
async function startHost(onMethod: (method: string) => void = () => {}) {
  const { private: privateKey, public: publicKey } = newKeyPair()
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) =>
    client
      .on('error', () => {})
      .on('authentication', (attempt) => {
        onMethod(attempt.method)
        attempt.reject(['publickey', 'password', 'keyboard-interactive'])
      }),
  )
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

test('ssh with no key that fits says so and what to do, and is asked for no password', async () => {
  const methods: string[] = []
  await using host = await startHost((method) => methods.push(method))
  await using api = await startTestApi()
  const key = newKeyPair()
  const home = mkdtempSync(join(tmpdir(), 'devops-ssh-test-'))
  try {
    writeFileSync(join(home, 'key'), key.private, { mode: 0o600 })
    api.world.records = [webAt(host.port, [host.fingerprint])]
    const said = await sayTo(api.url, home, [
      'ssh',
      '--repo',
      'ann/shop',
      '--identity',
      join(home, 'key'),
      'web',
      '--',
      'true',
    ])
    assert.equal(said.code, 255, said.err)
    assert.match(
      said.err,
      /^error: web takes none of the keys that ssh has for devops\.\n {2}It takes those of `devops key list`/,
    )
    assert.ok(methods.includes('publickey'))
    assert.deepEqual(
      methods.filter((method) => /password|keyboard/.test(method)),
      [],
    )
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('ssh-config writes the pinned host keys to a file that ssh then believes', async () => {
  await using host = await startHost()
  await using api = await startTestApi()
  const home = mkdtempSync(join(tmpdir(), 'devops-ssh-test-'))
  try {
    api.world.records = [webAt(host.port, [host.fingerprint])]
    const file = join(home, 'known hosts')
    const said = await sayTo(api.url, home, ['ssh-config', '--repo', 'ann/shop', '--known-hosts', file])
    assert.equal(said.code, 0, said.err)
    assert.equal(readFileSync(file, 'utf8'), `[127.0.0.1]:${host.port} ssh-ed25519 ${host.key}\n`)
    writeFileSync(join(home, 'config'), said.out)
    const { stdout } = await run('ssh', ['-G', '-F', join(home, 'config'), 'web'])
    assert.ok(
      stdout.includes(`userknownhostsfile "${file}"`) || stdout.includes(`userknownhostsfile ${file}`),
      stdout,
    )
    assert.match(stdout, /^stricthostkeychecking (true|yes)$/m)
    api.world.records = [webAt(host.port, ['SHA256:other'])]
    const changed = await sayTo(api.url, home, ['ssh-config', '--repo', 'ann/shop', '--known-hosts', file])
    assert.match(changed.err, /web shows another host key than before/)
    assert.doesNotMatch(changed.out, /UserKnownHostsFile/)
    assert.equal(readFileSync(file, 'utf8'), '')
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('trust and link with a wrong fingerprint say which one the server shows', async () => {
  await using api = await startTestApi()
  const shown = `SHA256:${'B'.repeat(43)}`
  const given = `SHA256:${'A'.repeat(43)}`
  const refuse = async () => {
    throw new Problem('host_key', { node: 'web', reason: `it shows ${shown}`, shown })
  }
  api.world.instead.set('shazam.trust', refuse)
  api.world.instead.set('shazam.link', refuse)
  const repo = ['--repo', 'ann/shop']
  const home = mkdtempSync(join(tmpdir(), 'devops-ssh-test-'))
  try {
    writeFileSync(join(home, 'key'), newKeyPair().private)
    const link = [
      'link',
      'web',
      '--host',
      '192.0.2.1',
      '--identity',
      join(home, 'key'),
      '--yes',
      '--host-key',
      given,
    ]
    for (const words of [['trust', 'web', given], link]) {
      const said = await sayTo(api.url, home, [...words, ...repo])
      assert.equal(said.code, 1)
      const sentence = `error: The server of web shows ${shown}, not ${given}. Nothing was changed.\n`
      assert.ok(said.err.includes(sentence), said.err)
    }
  } finally {
    rmSync(home, { recursive: true })
  }
})

const webAt = (port: number, host_keys: string[]) => ({
  repo: 'ann/shop',
  node: 'web',
  server: { provider: 'ssh', id: 'x', host: '127.0.0.1', port, user: 'root', host_keys, made_from: {} },
  facts: {},
  applied: null,
  created_at: null,
})

/** The program as it is, with the ssh of this machine. */
async function sayTo(url: string, home: string, words: string[]) {
  let [out, err] = ['', '']
  const code = await runCli(words, {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    stdin: Readable.from([]),
    env: { DEVOPS_SERVER: url, DEVOPS_TOKEN: ANN },
    home,
    cwd: home,
  })
  return { code, out, err }
}
