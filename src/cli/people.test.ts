import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sql } from 'kysely'
import { embeddedBus } from '#bus/embedded.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { createSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { api } from '#services/api/index.ts'
import { profiles } from '#services/profiles/index.ts'
import { openSqlite } from '#store/sqlite.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import type { TestParts } from '#testing/parts.ts'
import { runCli } from './index.ts'

failOnLeaks()

let parts: Pick<TestParts, 'bus' | 'store'>
let url: string
let root: string
let home: string

/** The CLI, the API and profiles as they are; nobody else is there. */
async function open(): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  home = mkdtempSync(join(tmpdir(), 'devops-cli-people-'))
  stack.defer(() => rmSync(home, { recursive: true }))
  const [clock, log] = [systemClock, silentLog]
  const store = stack.use(openSqlite(':memory:'))
  const bus = stack.use(await embeddedBus({ store, clock, log, source: 'test' }))
  parts = { bus, store }
  const seal = createSeal([randomBytes(32)])
  const all = { bus, store, clock, log }
  stack.use(await startService(profiles, all, { passwordCost: { N: 16, r: 8, p: 1 }, seal }))
  bus.answer('git.list_repositories', async () => [
    { repo: 'root/shop', created_at: 0, branch: 'main', commit: null },
  ])
  bus.answer('registry.list_nodes', async () => [])
  bus.answer('tasker.list_works', async () => [])
  bus.answer('shazam.check_credential', async () => ({ said: 'Docker 29' }))
  const onListen = ({ port }: { port: number }) => {
    url = `http://127.0.0.1:${port}`
  }
  stack.use(await startService(api, all, { port: 0, schemas: () => ({}), onListen }))
  await bus.ask('profiles.create_user', { name: 'root', admin: true })
  root = (await bus.ask('profiles.create_token', { user: 'root', title: 'first' })).token
  return stack.move()
}

async function run(line: string, { input = '', token = root }: { input?: string; token?: string } = {}) {
  let out = ''
  let err = ''
  const code = await runCli(line.split(' '), {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    stdin: Readable.from(input === '' ? [] : [input]),
    env: { XDG_CONFIG_HOME: home, ...(token && { DEVOPS_SERVER: url, DEVOPS_TOKEN: token }) },
    home,
    cwd: home,
  })
  return { code, out, err }
}

test('people by the command line', async (t) => {
  await using _ = await open()
  await t.test(
    'a user is made with a password, signs in with it, changes it, and is told what was wrong',
    async () => {
      assert.equal(
        (await run('user add ann --password-stdin', { input: 'correct horse' })).out,
        'Made ann.\n',
      )
      const short = await run('user password ann --password-stdin', { input: 'short' })
      assert.match(short.err, /error: The request does not fit: field password: /)
      const signed = await run(`login --server ${url} --user ann`, { input: 'correct horse\n', token: '' })
      assert.deepEqual(signed, { code: 0, out: `Signed in to ${url} as ann.\n`, err: 'Password: \n' })
      const wrong = await run('passwd', { input: 'guess\nbattery staple\nbattery staple\n', token: '' })
      assert.match(wrong.err, /error: Nobody is signed in: the user name or the password is wrong/)
      const differ = await run('passwd', {
        input: 'correct horse\nbattery staple\nbattery stable\n',
        token: '',
      })
      assert.deepEqual([differ.code, /The two are not the same/.test(differ.err)], [2, true])
      const changed = await run('passwd', {
        input: 'correct horse\nbattery staple\nbattery staple\n',
        token: '',
      })
      assert.deepEqual([changed.code, changed.out], [0, 'The password of ann is changed.\n'])
      // The token of this sign-in goes on.
      assert.match((await run('token list', { token: '' })).out, /admin/)
      const old = await run(`login --server ${url} --user ann --password-stdin`, {
        input: 'correct horse',
        token: '',
      })
      assert.match(old.err, /is wrong/)
      assert.equal((await run('user password ann', { input: 'new password\nnew password\n' })).code, 0)
      assert.match((await run('token list', { token: '' })).err, /the token is not known, or it was revoked/)
    },
  )

  await t.test('a disabled user is nobody until he is enabled', async () => {
    const { token } = await parts.bus.ask('profiles.create_token', { user: 'ann', title: 't' })
    assert.equal((await run('user disable ann')).out, 'ann is disabled.\n')
    assert.match((await run('list repos', { token })).err, /user ann is disabled/)
    assert.equal((await run('user enable ann')).out, 'ann is enabled.\n')
    assert.equal((await run('list repos', { token })).code, 0)
    assert.match((await run('user disable root')).err, /An administrator cannot take his own rights/)
  })

  await t.test(
    'a token is made for a scope and a repository; a wrong scope is told which there are',
    async () => {
      const made = await run('token add ci --scope read --repo root/shop --days 7')
      assert.match(made.out, /^devo_\S+\n$/)
      assert.match((await run('token list')).out, /ci\s+read of root\/shop/)
      const wrong = await run('token add ci --scope all')
      assert.deepEqual(wrong, {
        code: 2,
        out: '',
        err: 'error: There is no scope `all`.\n  There are: read, write, admin.\n',
      })
    },
  )

  await t.test(
    'a credential is set with a field that is asked and not shown, listed without it, checked and removed',
    async () => {
      const line = 'credential set farm --provider docker --field address=tcp://192.0.2.1:2376 --field key'
      const set = await run(line, { input: 'canary-key\n' })
      assert.deepEqual(set, {
        code: 0,
        out: 'Set credential farm: provider docker takes it (Docker 29).\n',
        err: 'key: \n',
      })
      const list = await run('credential list')
      assert.match(list.out, /farm\s+docker\s+address, key\s+all/)
      assert.doesNotMatch(list.out, /canary|192/)
      assert.match((await run('credential check farm')).out, /farm: provider docker takes it/)
      assert.equal((await run('credential unset farm')).out, 'Removed credential farm.\n')
      assert.match((await run('credential unset farm')).err, /There is no credential farm of root/)
    },
  )

  await t.test(
    'the audit lists what was done, filters it, and is verified; a tampered one ends with 1',
    async () => {
      const all = await run('audit list --all --limit 1000')
      assert.match(all.out, /setPassword/)
      assert.match(all.out, /sign_in/)
      assert.doesNotMatch(all.out, /canary|horse|staple/)
      const some = await run('audit list --all --actor root --action setCredential --since 1h')
      assert.equal(some.out.trim().split('\n').length, 3)
      assert.match((await run('audit list --all --since yesterday')).err, /`yesterday` is no time/)
      const verified = await run('audit verify')
      assert.match(
        verified.out,
        /^\d+ entries: nothing was changed, removed, reordered or cut off\.\nKeep this/,
      )
      const head = /(\d+:[0-9a-f]{64})/.exec(verified.out)?.[1]
      assert.equal((await run(`audit verify --head ${head}`)).code, 0)
      await sql.raw(`update profiles_audit set actor = 'eve' where seq = 2`).execute(parts.store.db)
      const tampered = await run('audit verify')
      assert.equal(tampered.code, 1)
      assert.match(tampered.out, /^entry 2: it was changed, or one before it was\n/)
    },
  )
})
