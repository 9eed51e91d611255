import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { awaken } from '../providers/docker-container.ts'
import { startServer, type TestServer } from '../testing/server.ts'
import { accessLines } from './lines.ts'
import { renewAccess } from './renew.ts'

let server: TestServer
let folder: string
const signal = new AbortController().signal
const open: ChildProcess[] = []

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'devops-access-'))
  server = await startServer()
  server.sh(awaken)
  server.sh(
    'id devops || useradd -m -s /bin/bash devops; install -d -o devops -g devops -m 700 /home/devops/.ssh',
  )
})
after(async () => {
  for (const child of open) child.kill()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const keyOf = (user: string) => {
  const file = join(folder, user)
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', user, '-f', file])
  return { user, key: readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ') }
}
const file = () =>
  server.sh('cat /home/devops/.ssh/authorized_keys; stat -c %a:%U:%G /home/devops/.ssh/authorized_keys')
const host = () => server.sh("hostname -I | cut -d' ' -f1").trim()

const ssh = (user: string, line: string) => [
  ...['-F', '/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
  ...['-o', 'BatchMode=yes', '-i', join(folder, user), `devops@${host()}`, line],
]
const knock = (user: string) => execFileSync('ssh', ssh(user, 'true'), { stdio: 'pipe' })

/** A person who is inside, and stays. */
async function comeIn(user: string): Promise<ChildProcess> {
  const child = spawn('ssh', ssh(user, 'echo inside; sleep 600'), { stdio: ['ignore', 'pipe', 'ignore'] })
  open.push(child)
  const [said] = await once(child.stdout, 'data')
  assert.match(String(said), /inside/)
  return child
}

test('lines are the platform’s own key, then those of people, sorted', () => {
  const keys = [
    { user: 'bob', key: 'ssh-ed25519 BBBB' },
    { user: 'ann', key: 'ssh-ed25519 AAAA' },
  ]
  assert.deepEqual(accessLines({ keys, platformKey: 'ssh-ed25519 PPPP comment' }), [
    'ssh-ed25519 PPPP devo.ps',
    'ssh-ed25519 AAAA ann',
    'ssh-ed25519 BBBB bob',
  ])
})

test('a node on which no sync has put keys yet is left to the sync', async () => {
  assert.deepEqual(await renewAccess(server.connection, ['ssh-ed25519 AAAA ann'], signal), [])
  assert.throws(file)
})

test('a key that is taken away opens nothing any more, and who is inside by it is put out; the others stay', async () => {
  const [ann, bob] = [keyOf('ann'), keyOf('bob')]
  const both = accessLines({ keys: [ann, bob], platformKey: '' })
  server.sh(`install -o devops -g devops -m 600 /dev/null /home/devops/.ssh/authorized_keys`)
  assert.deepEqual(await renewAccess(server.connection, both, signal), ['renewed authorized_keys'])
  assert.equal(file(), `${both.join('\n')}\n600:devops:devops\n`)
  assert.deepEqual(await renewAccess(server.connection, both, signal), [])
  const [annInside, bobInside] = [await comeIn('ann'), await comeIn('bob')]
  const bobGone = once(bobInside, 'exit')
  const done = await renewAccess(server.connection, accessLines({ keys: [ann], platformKey: '' }), signal)
  assert.equal(done[0], 'renewed authorized_keys')
  assert.match(done[1] ?? '', /^ended a session of SHA256:/)
  await bobGone
  assert.equal(annInside.exitCode, null)
  assert.throws(() => knock('bob'))
  knock('ann')
})

test('who is inside by a key that nobody can tell is reported, and not taken for nobody', async () => {
  const cid = keyOf('cid')
  const lines = accessLines({ keys: [cid], platformKey: '' })
  await renewAccess(server.connection, lines, signal)
  await comeIn('cid')
  assert.deepEqual(await renewAccess(server.connection, lines, signal), [])
  const nobody = accessLines({ keys: [], platformKey: cid.key })
  server.sh('mv /usr/bin/journalctl /usr/bin/journalctl.away')
  await assert.rejects(
    renewAccess(server.connection, nobody, signal),
    /the journal does not tell who is inside/,
  )
  server.sh('mv /usr/bin/journalctl.away /usr/bin/journalctl')
  server.sh('journalctl --rotate && journalctl --vacuum-time=1s')
  await assert.rejects(
    renewAccess(server.connection, nobody, signal),
    /does not tell by which key the sessions [0-9 ]+ came in/,
  )
})
