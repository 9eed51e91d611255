import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { startPlane } from '#testing/plane.ts'
import { startPlatform } from '../bin/platform.ts'

const program = resolve(import.meta.dirname, '../bin/devops.ts')

interface Ended {
  code: number
  text: string
}

/** A command line that is expected to end by itself. */
const devops = (args: string[], options: { cwd?: string; uid?: number; gid?: number } = {}): Promise<Ended> =>
  new Promise((done) =>
    execFile(
      process.execPath,
      [program, ...args],
      { timeout: 120_000, ...options },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? -1) : 0, text: stdout + stderr }),
    ),
  )

const anyPorts = ['--port', '0', '--ssh-port', '0', '--git-port', '0']

/** What a second platform would touch: the leases of jobs, migrations, tokens, and what is told of it. */
function stateOf(data: string): unknown {
  using store = new DatabaseSync(join(data, 'devops.sqlite'), { readOnly: true })
  const all = (text: string) => store.prepare(text).all()
  return {
    jobs: all('select * from bus_jobs order by seq'),
    consumers: all('select * from bus_consumers order by name'),
    tokens: all('select id, used_at from profiles_tokens order by id'),
    migrations: all('select id from store_migrations order by id'),
    token: readFileSync(join(data, 'admin.token'), 'utf8'),
  }
}

test('a second platform on a data folder says who holds it, ends and touches nothing, by whatever path and on whatever ports', async (t) => {
  await using plane = await startPlane()
  const link = join(mkdtempSync(join(tmpdir(), 'devops-link-')), 'data')
  symlinkSync(plane.data, link)
  t.after(() => rmSync(dirname(link), { recursive: true }))
  const before = stateOf(plane.data)
  const port = new URL(plane.url).port
  const holder = new RegExp(
    `is in use by \`devops server\`: process ${plane.pid()} on \\S+ since \\d{4}-\\S+Z, ports api ${port}, ssh ${plane.ssh.port}, git \\d+`,
  )
  const file = ['--token-file', join(plane.data, 'admin.token')]
  const starts: [string, string[], { cwd?: string }?][] = [
    ['other ports', ['server', '--data', plane.data, ...anyPorts, ...file]],
    ['same ports', ['server', '--data', plane.data, '--port', port, ...file]],
    ['a symbolic link', ['server', '--data', link, ...anyPorts, ...file]],
    [
      'a relative path',
      ['server', '--data', basename(plane.data), ...anyPorts],
      { cwd: dirname(plane.data) },
    ],
    ['rekey', ['server', 'rekey', '--data', link]],
    ['rekey', ['server', 'rekey', '--data', relative(tmpdir(), plane.data)], { cwd: tmpdir() }],
  ]
  for (const [what, args, options] of starts) {
    const { code, text } = await devops(args, options)
    assert.equal(code, 1, `${what}: ${text}`)
    assert.match(text, holder, what)
    assert.deepEqual(stateOf(plane.data), before, what)
  }
  assert.equal(((await plane.admin()('GET', '/v1/repos')) as unknown[]).length, 0)
})

test('another user cannot start a platform on a folder that is not theirs, and the first one goes on', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can run a program as another user')
  await using plane = await startPlane()
  const { code, text } = await devops(['server', '--data', plane.data, ...anyPorts], {
    uid: 65_534,
    gid: 65_534,
  })
  assert.equal(code, 1, text)
  assert.match(text, /belongs to user 0/)
  await plane.admin()('GET', '/v1/repos')
})

test('root that opens the folder of another user leaves its lock to that user', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can run a program as another user')
  const data = folder(t)
  {
    await using _ = await startPlatform({ data, log: silentLog })
  }
  rmSync(join(data, 'lock'))
  for (const name of ['', 'devops.sqlite', 'master.key']) chownSync(join(data, name), 65_534, 65_534)
  const { code, text } = await devops(['server', 'rekey', '--data', data])
  assert.equal(code, 0, text)
  const nobody = `const { holdFolder } = await import(${JSON.stringify(join(import.meta.dirname, '../bin/hold.ts'))})
    holdFolder(${JSON.stringify(data)}, 'x')[Symbol.dispose]()`
  chownSync(dirname(data), 65_534, 65_534)
  await new Promise<void>((done, fail) =>
    execFile(
      process.execPath,
      ['--input-type=module', '-e', nobody],
      { uid: 65_534, gid: 65_534 },
      (error) => (error ? fail(error) : done()),
    ),
  )
})

for (const signal of ['SIGKILL', 'SIGTERM'] as const)
  test(`the lock ends with its holder: after ${signal} the next start has the folder at once`, async () => {
    await using plane = await startPlane()
    await plane.admin()('GET', '/v1/repos')
    await (signal === 'SIGKILL' ? plane.kill() : plane.terminate())
    assert.equal(existsSync(join(plane.data, 'holder.json')), signal === 'SIGKILL')
    await plane.restart()
    await plane.admin()('GET', '/v1/repos')
  })

test('of two platforms that start at the same moment one runs and the other is refused', async (t) => {
  const data = folder(t)
  mkdirSync(data, { mode: 0o700 })
  for (let round = 0; round < 3; round++) {
    const hold = `const { holdFolder } = await import(${JSON.stringify(join(import.meta.dirname, '../bin/hold.ts'))})
      holdFolder(${JSON.stringify(data)}, "x")
      setTimeout(() => {}, 4000)`
    const tries = [1, 2].map(
      () =>
        new Promise<boolean>((done) =>
          execFile(process.execPath, ['--input-type=module', '-e', hold], (error) => done(error === null)),
        ),
    )
    assert.deepEqual((await Promise.all(tries)).sort(), [false, true])
  }
})

test('what a killed holder said of itself is not told of another', async (t) => {
  const data = folder(t)
  await using _ = await startPlatform({ data, log: silentLog })
  const gone = await new Promise<number>((done) => {
    const child = execFile('true', () => done(child.pid ?? 0))
  })
  const words = JSON.parse(readFileSync(join(data, 'holder.json'), 'utf8'))
  writeFileSync(join(data, 'holder.json'), JSON.stringify({ ...words, pid: gone }))
  await assert.rejects(
    startPlatform({ data, log: silentLog }),
    new RegExp(`is in use by process ${process.pid}\\. Stop that one first`),
  )
})

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'devops-two-'))
  t.after(() => rmSync(made, { recursive: true }))
  return join(made, 'data')
}
