import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { engineRules } from '#language'
import { smallDisk } from '#testing/small-disk.ts'
import type { Check } from '../bin/doctor/check.ts'
import { checkEngine, checkFacts } from '../bin/doctor/engine.ts'
import { type DoctorOptions, examine } from '../bin/doctor/index.ts'
import { checkGit } from '../bin/doctor/machine.ts'
import { checkSettings } from '../bin/doctor/settings.ts'
import { startPlatform } from '../bin/platform.ts'

const program = resolve(import.meta.dirname, '../bin/devops.ts')

function scratch(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'devops-doctor-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

/** A folder on which a platform has run. */
async function installed(t: TestContext): Promise<string> {
  const data = join(scratch(t), 'data')
  await using _ = await startPlatform({ data, log: silentLog })
  return data
}

/** In a process of its own, as it is used: the lock of a platform in this process is not to be touched here. */
const ask = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  new Promise<{ code: number; text: string; checks: Check[] }>((done) =>
    execFile(
      process.execPath,
      [program, 'server', 'doctor', ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        done({
          code: error ? Number(error.code) : 0,
          text: stdout + stderr,
          checks: args.includes('--json') ? JSON.parse(stdout) : [],
        }),
    ),
  )

const NOWHERE = 'unix:///nowhere/docker.sock'
/** No ports that somebody else may use, and no engine. */
const quiet: DoctorOptions = { port: 0, sshPort: 0, gitPort: 0, docker: { for: ['none'] } }
const look = (data: string, more: DoctorOptions = {}) =>
  examine({ ...quiet, data, ...more }, { DOCKER_HOST: NOWHERE })

const of = (checks: readonly Check[], name: string): Check => {
  const found = checks.find(({ check }) => check === name)
  assert.ok(found, `${name} is among ${checks.map(({ check }) => check).join(', ')}`)
  return found
}
const states = (checks: readonly Check[], state: Check['state']) =>
  checks.filter((one) => one.state === state).map(({ check }) => check)

/** Names, sizes and times of what lies in a folder. */
const picture = (data: string) =>
  readdirSync(data, { recursive: true })
    .map(String)
    .sort()
    .map((name) => [name, statSync(join(data, name)).size, statSync(join(data, name)).mtimeMs])

test('a good installation has nothing bad, and looking at it leaves it as it was', async (t) => {
  const data = await installed(t)
  const before = picture(data)
  const checks = await look(data)
  assert.deepEqual(states(checks, 'bad'), [])
  assert.match(of(checks, 'lock').says, /free: no platform/)
  for (const name of ['store', 'migrations', 'master key', 'time', 'free space', 'mode', 'owner'])
    assert.equal(of(checks, name).state === 'bad', false, name)
  assert.deepEqual(picture(data), before)
})

test('a platform that runs is said, with where it listens and what it was told, and goes on', async (t) => {
  const data = join(scratch(t), 'data')
  await using platform = await startPlatform({
    data,
    log: silentLog,
    docker: { for: ['ann'], networks: ['host'] },
    allowedAddresses: ['127.0.0.1'],
  })
  const { code, checks } = await ask(['--data', data, '--json'])
  assert.equal(code, 0, JSON.stringify(checks))
  const { port } = platform.addresses.api
  assert.match(
    of(checks, 'lock').says,
    new RegExp(`held by \`devops server\`: process ${process.pid} .* api ${port}`),
  )
  assert.equal(of(checks, 'lock').state, 'good')
  assert.match(of(checks, 'platform').says, new RegExp(`:${port}/readyz takes changes`))
  assert.match(of(checks, 'docker rules').says, /^ann may have nodes/)
  assert.match(of(checks, 'docker limits').says, /network host/)
  assert.match(of(checks, 'addresses').says, /^127\.0\.0\.1 may be nodes/)
  assert.equal(of(checks, 'store').state, 'good')
  await platform.bus.ask('git.create_repository', { repo: 'ann/shop', by: 'ann' })
  await assert.rejects(startPlatform({ data, log: silentLog }), /is in use by/)
})

test('each bad thing has a line of what to do below it, and the exit code is 1', async (t) => {
  const data = await installed(t)
  chmodSync(data, 0o755)
  const { code, text } = await ask(['--data', data, '--docker-for', 'none'], { DOCKER_HOST: NOWHERE })
  assert.equal(code, 1)
  assert.match(text, /^bad {6}mode .*open to others \(mode 755\)[^\n]*\n +-> chmod 700 /m)
  assert.match(text, /^good {5}docker engine +none, and none is needed$/m)
  assert.match(text, /\n\d+ checks: 1 bad, \d+ warnings?\.\n$/)
})

test('a full disk is bad, and what is on it is judged all the same', async (t) => {
  const disk = smallDisk(t, '16m')
  if (!disk) return
  const data = join(disk.folder, 'data')
  {
    await using _ = await startPlatform({ data, log: silentLog })
  }
  assert.deepEqual(states(await look(data), 'bad'), [])
  disk.fill()
  const checks = await look(data)
  assert.deepEqual(states(checks, 'bad'), ['free space'])
  assert.match(of(checks, 'free space').says, /refuses every change/)
  assert.equal(of(checks, 'store').state, 'good')
  disk.free()
})

test('a store that is damaged, cut, foreign or gone is bad; one that was killed in mid-work is not', async (t) => {
  const data = await installed(t)
  const path = join(data, 'devops.sqlite')
  const whole = readFileSync(path)
  const damaged = Buffer.from(whole)
  // Every page but the first keeps its length and loses its order.
  for (let page = 4096; page < damaged.length; page += 4096) damaged.fill(0xa5, page, page + 64)
  const cases = {
    damaged,
    cut: whole.subarray(0, 10_000),
    foreign: Buffer.from('not a database, by far. '.repeat(500)),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    writeFileSync(path, bytes)
    const store = of(await look(data), 'store')
    assert.deepEqual([store.state, name], ['bad', name])
    assert.match(store.advice ?? '', /bring a backup back/)
  }
  rmSync(path)
  assert.match(of(await look(data), 'store').says, /is not there/)

  const killed = join(scratch(t), 'killed')
  {
    const running = join(scratch(t), 'running')
    await using platform = await startPlatform({ data: running, log: silentLog })
    await platform.bus.ask('git.create_repository', { repo: 'ann/shop', by: 'ann' })
    // As a kill leaves it: what was written last stands in the log beside the database.
    cpSync(running, killed, { recursive: true, filter: (from) => !from.endsWith('-shm') })
  }
  assert.ok(statSync(join(killed, 'devops.sqlite-wal')).size > 0)
  const checks = await look(killed)
  assert.deepEqual(states(checks, 'bad'), [])
  assert.equal(of(checks, 'migrations').state, 'good')
})

test('a newer store, another master key, a key that is gone, and a clock that went back are bad', async (t) => {
  const data = await installed(t)
  const path = join(data, 'devops.sqlite')
  const key = join(data, 'master.key')
  const [store, right] = [readFileSync(path), readFileSync(key)]
  const change = (text: string) => {
    using database = new DatabaseSync(path)
    database.exec(text)
  }
  change(`insert into store_migrations (id, service, position) values ('git/9999-later', 'git', 9999)`)
  assert.match(of(await look(data), 'migrations').says, /newer than this program: it has git\/9999-later/)
  writeFileSync(path, store)
  change(`update profiles_audit set at = ${Date.now() + 3_600_000}`)
  change(
    `insert into bus_events (id, source, pattern, name, subject, time, data, traceparent) values ('x', 'x', 'x', 'x', 'x', ${Date.now() + 3_600_000}, '{}', '')`,
  )
  assert.match(of(await look(data), 'time').says, /is before what is recorded/)
  writeFileSync(path, store)
  writeFileSync(key, `${Buffer.alloc(32, 1).toString('base64')}\n`)
  assert.match(of(await look(data), 'master key').says, /the master key is another/)
  rmSync(key)
  assert.match(of(await look(data), 'master key').says, /is gone/)
  writeFileSync(key, right, { mode: 0o644 })
  chmodSync(key, 0o644)
  const open = await look(data)
  assert.match(of(open, 'master key').says, /can be read by others/)
  assert.match(of(open, 'files').says, /master\.key can be read by others/)
})

test('a folder that is not there, and a lock that cannot be read, are bad and not "nothing wrong"', async (t) => {
  const data = await installed(t)
  const nowhere = await look(join(data, 'nowhere'))
  assert.deepEqual(states(nowhere, 'bad'), ['data folder'])
  assert.match(of(nowhere, 'data folder').says, /is not there/)
  rmSync(join(data, 'lock'))
  mkdirSync(join(data, 'lock'))
  const unread = of(await look(data), 'lock')
  assert.equal(unread.state, 'bad')
  assert.match(unread.says, /could not be checked/)
})

test('an engine that is there is described; one that is absent, hangs up or is open to all is told apart', async (t) => {
  const rules = engineRules()
  const told = (env: NodeJS.ProcessEnv, who = rules) => checkEngine({ uid: 0, rules: who, env })
  const present = await told({})
  assert.match(of(present, 'docker engine').says, /^Docker \d+/)
  assert.match(of(present, 'docker access').says, /may use \/var\/run\/docker\.sock/)
  for (const name of ['control groups', 'user namespaces', 'seccomp']) of(present, name)
  const absent = of(await told({ DOCKER_HOST: NOWHERE }), 'docker engine')
  assert.deepEqual([absent.state, /there is none/.test(absent.says)], ['warning', true])
  assert.match(absent.advice ?? '', /--docker-for none/)
  const none = engineRules({ for: ['none'] })
  assert.equal(of(await told({ DOCKER_HOST: NOWHERE }, none), 'docker engine').state, 'good')
  assert.equal(of(await told({ DOCKER_HOST: 'nonsense' }), 'docker engine').state, 'bad')

  const path = join(scratch(t), 'docker.sock')
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((done) => server.listen(path, done))
  t.after(() => server.close())
  chmodSync(path, 0o666)
  const open = await told({ DOCKER_HOST: `unix://${path}` })
  assert.match(of(open, 'docker access').says, /every user of this machine may use/)
  assert.match(of(open, 'docker engine').says, /does not answer/)
  assert.deepEqual(states(open, 'bad'), ['docker access', 'docker engine'])
})

test('what an engine gives a node is said: control groups, user namespaces, system calls', () => {
  const facts = (CgroupVersion: string, ServerVersion: string, SecurityOptions: string[]) =>
    checkFacts({ CgroupVersion, ServerVersion, SecurityOptions })
  const seccomp = 'name=seccomp,profile=builtin'
  assert.deepEqual(states(facts('2', '28.1.0', [seccomp]), 'warning'), ['user namespaces'])
  assert.deepEqual(states(facts('1', '28.1.0', [seccomp]), 'warning'), ['control groups', 'user namespaces'])
  assert.deepEqual(states(facts('1', '20.10.24', [seccomp, 'name=userns']), 'warning'), ['control groups'])
  assert.deepEqual(states(facts('2', '28.1.0', [seccomp, 'name=userns']), 'bad'), ['docker engine'])
  assert.ok(states(facts('2', '28.1.0', []), 'warning').includes('seccomp'))
})

test('settings that open the platform to others are warnings, each with what to do', () => {
  const safe = { host: '127.0.0.1', allowedAddresses: [], docker: engineRules({ for: ['ann'] }) }
  const now = Date.now()
  assert.deepEqual(states(checkSettings(safe, now), 'warning'), [])
  const open = { ...safe, docker: engineRules({ images: ['*'], ports: ['*'], networks: ['host'] }) }
  assert.deepEqual(states(checkSettings(open, now), 'warning'), ['docker rules', 'docker limits'])
  const heard = { ...safe, host: '0.0.0.0', syslog: { host: '0.0.0.0', plain: true } }
  assert.deepEqual(states(checkSettings(heard, now), 'warning'), ['listening', 'syslog'])
  const given = { ...safe, allowedAddresses: ['127.0.0.1'] }
  assert.deepEqual(states(checkSettings(given, now), 'warning'), ['addresses'])
  assert.ok(checkSettings(open, now).every(({ state, advice }) => (state === 'good') === (advice === null)))
})

test('git that is absent, too old or silent is bad', async (t) => {
  const folder = scratch(t)
  assert.equal((await checkGit())[0]?.state, 'good')
  assert.match((await checkGit(folder))[0]?.says ?? '', /there is none/)
  const says = async (text: string) => {
    writeFileSync(join(folder, 'git'), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    return (await checkGit(folder))[0]
  }
  assert.equal((await says('echo git version 2.37.9'))?.state, 'bad')
  assert.equal((await says('echo git version 2.38.0'))?.state, 'good')
  assert.equal((await says('echo git version 3.0.1'))?.state, 'good')
  assert.match((await says('exit 1'))?.says ?? '', /does not run/)
  assert.match((await says('echo nothing'))?.says ?? '', /cannot be read/)
})

test('backups are judged by the newest; an empty folder is bad, and none that is named is no "good"', async (t) => {
  const data = await installed(t)
  const folder = scratch(t)
  const said = async (backups?: string) =>
    of(await look(data, backups === undefined ? {} : { backups }), 'backups')
  assert.equal((await said()).state, 'warning')
  assert.equal((await said(folder)).state, 'bad')
  assert.equal((await said(join(folder, 'nowhere'))).state, 'bad')
  const days = (number: number) => Date.now() / 1000 - number * 86_400
  writeFileSync(join(folder, 'old'), '')
  utimesSync(join(folder, 'old'), days(5), days(5))
  assert.deepEqual([(await said(folder)).state, /5 d old/.test((await said(folder)).says)], ['warning', true])
  writeFileSync(join(folder, 'new'), '')
  assert.equal((await said(folder)).state, 'good')
})
