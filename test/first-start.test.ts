import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { silentLog } from '#kit/log.ts'
import { type PlatformOptions, startPlatform } from '../bin/platform.ts'

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'devops-first-'))
  t.after(() => rmSync(made, { recursive: true }))
  return join(made, 'data')
}

const start = (data: string, more: Partial<PlatformOptions> = {}) =>
  startPlatform({ data, log: silentLog, ...more })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Status of a request with this token. */
async function knock({ addresses }: Awaited<ReturnType<typeof start>>, token = ''): Promise<number> {
  const { host, port } = addresses.api
  const headers = { authorization: `Bearer ${token}` }
  return (await fetch(`http://${host}:${port}/v1/repos`, { headers })).status
}

test('the first token is handed over before the API listens', async (t) => {
  const apiPort = await freePort()
  const look = `fetch('http://127.0.0.1:${apiPort}/healthz').then(() => {}, () => process.exit(3))`
  const looks: (number | null)[] = []
  // From outside, and at once: nothing of ours goes on meanwhile.
  const onAdminToken = () => void looks.push(spawnSync(process.execPath, ['-e', look]).status)
  await using platform = await start(folder(t), { apiPort, onAdminToken })
  assert.equal(await knock(platform, platform.adminToken), 200)
  assert.deepEqual(looks, [3])
})

test('until the first token was used each start gives another in its place, and none after that', async (t) => {
  const data = folder(t)
  const first = await start(data)
  // As a start leaves it that was cut after it had made another and before it took the former away.
  await first.bus.ask('profiles.create_token', { user: 'admin', title: 'first start' })
  await first[Symbol.asyncDispose]()
  {
    await using second = await start(data)
    assert.notEqual(second.adminToken, first.adminToken)
    assert.equal(await knock(second, first.adminToken), 401)
    assert.equal(await knock(second, second.adminToken), 200)
  }
  await using third = await start(data)
  assert.equal(third.adminToken, undefined)
})

test('the fingerprint that is shown at the start is the one that ssh sees', async (t) => {
  await using platform = await start(folder(t))
  const { ssh, hostKey } = platform.addresses
  // Not synchronously: the server that is asked is in this process.
  const asked = ['-t', 'ed25519', '-p', String(ssh.port), ssh.host]
  const scan = await promisify(execFile)('ssh-keyscan', asked)
  const shown = spawnSync('ssh-keygen', ['-lf', '-'], { input: scan.stdout, encoding: 'utf8' })
  assert.equal(shown.stdout.split(' ')[1], hostKey)
})
