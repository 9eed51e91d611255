import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { startPlatform } from '../bin/platform.ts'
import { rekey } from '../bin/rekey.ts'

const repo = 'admin/shop'
const program = resolve(import.meta.dirname, '../bin/devops.ts')

function folder(t: { after(act: () => void): void }): string {
  const data = mkdtempSync(join(tmpdir(), 'devops-rekey-'))
  t.after(() => rmSync(data, { recursive: true }))
  return data
}

/** A platform with a secret, a platform key and an audit. */
async function prepare(data: string): Promise<void> {
  await using platform = await startPlatform({ data, log: silentLog })
  const { bus } = platform
  await bus.ask('git.create_repository', { repo, by: 'admin' })
  await bus.ask('registry.set_secret', {
    repo,
    name: 'token',
    value: 'hunter2hunter2',
    rotate: false,
    by: 'admin',
  })
  await bus.ask('registry.platform_key', { repo })
}

/** Whether all opens: what starts at all has found its key. */
async function works(data: string): Promise<void> {
  await using platform = await startPlatform({ data, log: silentLog })
  const { private_key } = await platform.bus.ask('registry.platform_key', { repo })
  assert.match(private_key, /OPENSSH/)
  const next = { repo, commit: null, nodes: [], tasks: [], scripts: {}, services: [] }
  const { secrets } = await platform.bus.ask('registry.resolve', { repo, next })
  assert.deepEqual(secrets, { token: 'hunter2hunter2' })
}

test('a change of the master key leaves every value readable, and the former key opens nothing', async (t) => {
  const data = folder(t)
  const key = join(data, 'master.key')
  await prepare(data)
  const former = readFileSync(key, 'utf8')
  const { renewed, file } = await rekey(data, {})
  assert.ok(renewed >= 2)
  assert.equal(file, key)
  assert.notEqual(readFileSync(key, 'utf8'), former)
  assert.equal(statSync(key).mode & 0o777, 0o600)
  assert.ok(!existsSync(`${key}.next`))
  await works(data)
  writeFileSync(key, former)
  await assert.rejects(startPlatform({ data, log: silentLog }), /the master key is another/)
})

for (const [moment, cut] of [
  ['before anything was wrapped anew', 'early'],
  ['after all was wrapped anew', 'late'],
] as const)
  test(`a change that was cut ${moment} loses nothing, and is finished by another`, async (t) => {
    const data = folder(t)
    const key = join(data, 'master.key')
    await prepare(data)
    copyFileSync(key, join(data, 'former'))
    copyFileSync(join(data, 'devops.sqlite'), join(data, 'former.sqlite'))
    await rekey(data, {})
    // As it lies there when the process dies: the new key beside the former.
    renameSync(key, `${key}.next`)
    renameSync(join(data, 'former'), key)
    if (cut === 'early') renameSync(join(data, 'former.sqlite'), join(data, 'devops.sqlite'))
    await works(data)
    const fresh = readFileSync(`${key}.next`, 'utf8')
    await rekey(data, {})
    assert.equal(readFileSync(key, 'utf8'), fresh)
    await works(data)
  })

test('a key from the environment is changed by naming both, and a platform that runs is not touched', async (t) => {
  const data = folder(t)
  const [old, fresh] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'))
  {
    await using platform = await startPlatform({ data, log: silentLog })
    await assert.rejects(rekey(data, {}), /is in use by `devops server`: process/)
    await platform.bus.ask('registry.platform_key', { repo })
  }
  await assert.rejects(rekey(data, { DEVOPS_MASTER_KEY: fresh }), /the present one in DEVOPS_MASTER_KEY_OLD/)
  await assert.rejects(
    rekey(data, { DEVOPS_MASTER_KEY: fresh, DEVOPS_MASTER_KEY_OLD: old }),
    /the master key is another/,
  )
  const present = readFileSync(join(data, 'master.key'), 'utf8').trim()
  const { renewed, file } = await rekey(data, { DEVOPS_MASTER_KEY: fresh, DEVOPS_MASTER_KEY_OLD: present })
  assert.ok(renewed >= 1)
  assert.equal(file, null)
})

test('security 39: the master key of a data folder that is open to others is not changed', async (t) => {
  const data = folder(t)
  await prepare(data)
  const former = readFileSync(join(data, 'master.key'), 'utf8')
  chmodSync(data, 0o750)
  await assert.rejects(rekey(data, {}), /is open to others \(mode 750\): run `chmod 700 /)
  assert.equal(readFileSync(join(data, 'master.key'), 'utf8'), former)
  assert.ok(!existsSync(join(data, 'master.key.next')))
  chmodSync(data, 0o700)
  await works(data)
})

test('the command says what it did and what is left to do', async (t) => {
  const data = folder(t)
  await prepare(data)
  const { DEVOPS_MASTER_KEY: _, ...env } = process.env
  const ask = (at: string) =>
    new Promise<string>((done) =>
      execFile(
        process.execPath,
        [program, 'server', 'rekey', '--data', at],
        { env },
        (_error, stdout, stderr) => done(stdout + stderr),
      ),
    )
  assert.match(
    await ask(data),
    /^\d+ values under the new master key in .*master\.key\.\nBackups made until now need the former key\./,
  )
  assert.match(await ask(join(data, 'nowhere')), /holds no platform: name its folder with --data/)
})
