import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { ownAddress } from '#testing/own-address.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { server, type Watch, watch } from '#testing/story.ts'
import { until } from '#testing/until.ts'

const execute = promisify(execFile)

let plane: Plane
let ann: Person
let bob: Person
let clone: Clone
let see: Watch
let ip: string

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  bob = await plane.person('bob')
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
  clone.write({ 'nodes/web.yml': server('web') })
  const pushed = await clone.push('a node')
  assert.equal(pushed.code, 0, pushed.text)
  ip = (await see.synced('web')).server?.host ?? ''
})
after(() => plane?.[Symbol.asyncDispose]())

const sshArgs = ({ keyFile }: Person, line: string) => [
  ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-i', keyFile],
  ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', `devops@${ip}`, line],
]
/** `ssh devops@NODE` as anybody would type it. */
const entersNode = async (person: Person): Promise<boolean> => {
  try {
    const { stdout } = await execute('ssh', sshArgs(person, 'id -un'))
    return stdout === 'devops\n'
  } catch (error) {
    assert.match(String((error as { stderr: string }).stderr), /Permission denied \(publickey/)
    return false
  }
}
const lsRemote = (person: Person) => person.git('ls-remote', person.remote(clone.repo))
const share = (...args: string[]) => ann.devops('collaborator', ...args, '--repo', clone.repo)

test('a stranger enters neither the node nor the repository, and learns no more than that it is not there', async () => {
  assert.equal(await entersNode(bob), false)
  const told = await lsRemote(bob)
  assert.match(told.text, /There is no repository ann\/shop/)
})

test('a collaborator who is added enters the node within seconds', async () => {
  const told = await share('add', 'bob', '--role', 'write')
  assert.equal(told.code, 0, told.text)
  const added = Date.now()
  await until(() => entersNode(bob))
  console.log(`# added: enters the node ${Date.now() - added} ms after the command has returned`)
  assert.equal((await lsRemote(bob)).code, 0)
  assert.ok(await entersNode(ann))
})

test('one who is removed is out within seconds: no new session, no open one, no stream, no git', async () => {
  const stream = await fetch(`${plane.url}/v1/repos/${clone.repo}/events`, {
    headers: { authorization: `Bearer ${bob.token}` },
  })
  assert.equal(stream.status, 200)
  const streamed = stream.text()
  const inside = spawn('ssh', sshArgs(bob, 'echo inside; sleep 600'), { stdio: ['ignore', 'pipe', 'ignore'] })
  const left = once(inside, 'exit')
  assert.match(String(await once(inside.stdout, 'data')), /inside/)

  const told = await share('remove', 'bob')
  assert.equal(told.code, 0, told.text)
  const removed = Date.now()
  await until(async () => !(await entersNode(bob)))
  await left
  console.log(`# removed: neither enters the node nor is inside after ${Date.now() - removed} ms`)
  const last = await streamed
  console.log(`# removed: the stream has ended after ${Date.now() - removed} ms`)
  assert.match(last, /event: problem\ndata: .*There is no repository ann\/shop/)
  assert.match((await lsRemote(bob)).text, /There is no repository ann\/shop/)
  assert.ok(await entersNode(ann))
})

test('role read clones and looks, and can neither push nor change nor enter', async () => {
  assert.equal((await share('add', 'bob', '--role', 'read')).code, 0)
  const copy = await bob.clone(clone.repo)
  copy.write({ 'nodes/two.yml': server('two') })
  const pushed = await copy.push('mine')
  assert.notEqual(pushed.code, 0)
  assert.match(pushed.text, /bob may not push in ann\/shop/)
  const sync = await bob.devops('sync', 'web', '--repo', clone.repo)
  assert.match(sync.text, /error: bob may not sync nodes in ann\/shop/)
  assert.equal((await bob.devops('status', '--repo', clone.repo)).code, 0)
  assert.equal(await entersNode(bob), false)
})

test('security 22: a token does what its scope says, in the repository that it is for', async () => {
  const made = await ann.devops('token', 'add', 'ci', '--scope', 'read', '--repo', clone.repo)
  const token = /devo_\S+/.exec(made.text)?.[0] ?? ''
  const ask = async (method: string, path: string) => {
    const answer = await fetch(plane.url + path, { method, headers: { authorization: `Bearer ${token}` } })
    return [answer.status, ((await answer.json()) as { detail?: string }).detail]
  }
  assert.equal((await ask('GET', `/v1/repos/${clone.repo}/nodes`))[0], 200)
  assert.deepEqual(await ask('POST', `/v1/repos/${clone.repo}/nodes/web/sync`), [
    403,
    'This token is for read of ann/shop: to sync nodes takes one for write',
  ])
  assert.equal((await ask('POST', '/v1/users/ann/tokens'))[0], 403)
})

test('a user who is disabled is out of everything, and comes back when enabled', async () => {
  await share('add', 'bob', '--role', 'write')
  await until(() => entersNode(bob))
  const admin = plane.admin()
  await admin('PUT', '/v1/users/bob', { disabled: true })
  await until(async () => !(await entersNode(bob)))
  assert.match((await bob.devops('list', 'repos')).text, /user bob is disabled/)
  assert.match((await lsRemote(bob)).text, /Permission denied|disabled/)
  await admin('PUT', '/v1/users/bob', { disabled: false })
  await until(() => entersNode(bob))
})

test('security 35: a node is made by the credential of its repository’s owner, each use in the audit; another’s repository has none', async () => {
  await using engine = await remoteEngine()
  const set = [
    'credential',
    'set',
    'farm',
    '--provider',
    'docker',
    '--field',
    `address=tcp://${engine.address}`,
  ]
  const told = await ann.devops(...set)
  assert.match(told.text, /Set credential farm: provider docker takes it \(Docker \d+/)
  const descriptor = server('far').replace('  name: docker', '  name: docker\n  credential: farm')
  clone.write({ 'nodes/far.yml': descriptor })
  const pushed = await clone.push('a node elsewhere')
  assert.equal(pushed.code, 0, pushed.text)
  await see.synced('far')
  assert.ok(engine.connections() > 1)
  assert.match(
    (await ann.devops('credential', 'unset', 'farm')).text,
    /The server of node far in ann\/shop was made with it/,
  )
  const uses = await ann.devops('audit', '--repo', clone.repo, '--action', 'credential.use')
  assert.match(uses.text, /credential\.use\s+done\s+create the server of node far/)

  const own = await bob.repository('own')
  own.write({ 'nodes/far.yml': descriptor })
  const refused = await own.push('with the credential of ann')
  assert.match(refused.text, /nodes\/far\.yml:6:3 provider\.credential: unknown credential "farm"/)

  clone.write({ 'nodes/far.yml': null })
  assert.equal((await clone.push('no node elsewhere', ['destroy=far'])).code, 0)
  await see.gone('far')
  assert.equal((await ann.devops('credential', 'unset', 'farm')).code, 0)
})

/** The engine of this machine on an address of its network, as another machine would offer it. */
async function remoteEngine() {
  const host = ownAddress()
  const open = new Set<Socket>()
  let count = 0
  const proxy = createServer((socket) => {
    count++
    const to = connect('/var/run/docker.sock')
    for (const end of [socket, to]) {
      open.add(end)
      end.on('error', () => socket.destroy()).on('close', () => open.delete(end))
    }
    socket.pipe(to).pipe(socket)
  })
  proxy.listen(0, host)
  await once(proxy, 'listening')
  return {
    address: `${host}:${(proxy.address() as AddressInfo).port}`,
    connections: () => count,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

test('the audit tells who did what, with address and outcome, and can be verified', async () => {
  const told = await ann.devops('audit', '--repo', clone.repo, '--json')
  const entries = JSON.parse(told.text) as Record<string, unknown>[]
  const did = (action: string, actor: string) =>
    entries.filter((one) => one.action === action && one.actor === actor && one.from === '127.0.0.1')
  assert.equal(did('setCollaborator', 'ann').length, 6)
  assert.deepEqual(
    did('git.push', 'ann')
      .filter(({ outcome }) => outcome !== 'refused')
      .map(({ outcome, via }) => `${outcome} by ${via}`),
    Array(3).fill(['done by key', 'intent by key']).flat(),
  )
  // Whoever was refused is on record as well.
  assert.ok(did('git.push', 'bob').every(({ outcome }) => outcome === 'refused'))
  const refused = await bob.devops('audit', '--repo', clone.repo)
  assert.match(refused.text, /error: bob may not read the audit in ann\/shop/)
  const { faults, entries: count } = await plane.admin()<{ faults: unknown[]; entries: number }>(
    'GET',
    '/v1/audit/verify',
  )
  assert.deepEqual(faults, [])
  assert.ok(count > entries.length)
})
