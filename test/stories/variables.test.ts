import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

const run = promisify(execFile)

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
})
after(() => plane?.[Symbol.asyncDispose]())

const devops = async (...args: string[]) => {
  const answer = await ann.devops(...args, '--repo', clone.repo)
  assert.equal(answer.code, 0, answer.text)
  return answer.text
}

const note = `title: Note
options:
  text: { type: string, required: true }
  users:
    type: array
    default: []
    options:
      name: { type: string, required: true }
      password: { type: string, secret: true, generate: true }
resources:
  - if: note.users.size > 0
    file: /etc/users
    content: "{% for user in note.users %}{{ user.name }}={{ user.password }} {% endfor %}"
  - file: /etc/note
    content: "{{ note.text }}"
facts:
  told: cat /etc/told
`
const noting = (text: string, vars = '') =>
  `services: [note]\nconfiguration:\n  note:\n    text: "${text}"\n${vars && `vars:\n${vars}`}`

const container = async (id: string) => (await see.node(id)).server?.id ?? ''
const noteOn = async (id: string) => onServer(await container(id), 'cat /etc/note')
/** Syncs of a node that were not asked for by a push. */
const followed = async (id: string) =>
  (await see.works()).filter(
    ({ kind, nodes, cause }) => kind === 'sync' && nodes.includes(id) && cause.kind === 'variable',
  )

test('values of one node stand on another, with their types, and facts have their documented names', async () => {
  const text =
    '{{ db.ip }} {{ db.vars.port }} {{ color }} {{ db.facts.memory.total }} {{ db.facts.cpu.count }} {{ db.facts.os.id }}'
  await devops('var', 'set', 'color', 'red')
  clone.write({
    'services/note/service.yml': note,
    'nodes/db.yml': server('db', noting('db', '  port: 5432\n')),
    'nodes/web.yml': server('web', noting(text)),
    'nodes/alone.yml': server('alone', noting('alone')),
  })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  const commit = (await clone.git('rev-parse', 'HEAD')).text.trim()
  for (const id of ['db', 'web', 'alone']) await see.synced(id, commit)
  await see.idle()
  const [ip, port, color, memory, cpus, os] = (await noteOn('web')).split(' ')
  assert.deepEqual([ip, port, color, os], [(await see.node('db')).server?.host, '5432', 'red', 'debian'])
  assert.ok(Number(memory) > 2 ** 28 && Number(cpus) >= 1)
  const info = await devops('info', 'db')
  assert.match(info, /^os: +Debian/m)
  assert.match(info, /^cpu: +\d/m)
  assert.match(info, /^memory: +[\d.]+ GiB, swap/m)
  assert.match(info, /^virtualization: +docker$/m)
})

test('who uses a value can be asked before it is changed; a change is followed once by its users alone', async () => {
  assert.match(await devops('var', 'used-by', 'color'), /^NODE\nweb\n$/)
  assert.match(await devops('var', 'used-by', 'db.ip'), /^NODE\nweb\n$/)
  const before = (await followed('web')).length
  // Over the API, so that all come within the time in which changes are gathered.
  for (const value of ['green', 'blue', 'white'])
    await ann.api('PUT', `/v1/repos/${clone.repo}/variables`, { scope: 'repo', name: 'color', value })
  await see.eventually('the last value', async () => (await noteOn('web')).includes(' white '))
  await see.idle()
  assert.equal((await followed('web')).length, before + 1)
  assert.equal((await followed('alone')).length, 0)
  assert.equal((await followed('db')).length, 0)
  assert.match(await devops('var', 'get', 'color', '--node', 'web'), /^white\ntext, set for repo by ann\n$/)
})

test('the address of a server that was made anew is followed', async () => {
  const { id, host } = (await see.node('db')).server ?? { id: '', host: '' }
  await run('docker', ['rm', '-f', id])
  await takeAddress(host)
  await devops('sync', 'db')
  const fresh = await see.eventually('another address', async () => {
    const found = (await see.node('db')).server?.host
    return found !== host && found
  })
  await see.eventually('the new address on web', async () => (await noteOn('web')).startsWith(`${fresh} `))
  await see.idle()
})

/** Starts containers until one has this address, so that the next server cannot get it. */
async function takeAddress(host: string): Promise<void> {
  const label = `ps.devo.plane=${readFileSync(join(plane.data, 'plane'), 'utf8').trim()}`
  const { stdout: networks } = await run('docker', ['network', 'ls', '-q', '--filter', `label=${label}`])
  const network = networks.trim()
  const where = ['--network', network, '--label', label, '--entrypoint', 'sleep']
  const start = ['run', '-d', ...where, 'devops-node:12', '600']
  for (let tries = 0; tries < 20; tries++) {
    const { stdout: started } = await run('docker', start)
    const { stdout } = await run('docker', [
      'inspect',
      '-f',
      '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
      started.trim(),
    ])
    // Another that has it already, of whomever, does as well.
    if (stdout.trim() === host || (await isTaken(network, host))) return
  }
}

async function isTaken(network: string, host: string): Promise<boolean> {
  const { stdout } = await run('docker', [
    'network',
    'inspect',
    network,
    '-f',
    '{{range .Containers}}{{.IPv4Address}} {{end}}',
  ])
  return stdout.split(' ').some((address) => address.startsWith(`${host}/`))
}

test('a fact of a service that changed is followed by who uses it', async () => {
  clone.write({
    'nodes/web.yml': server('web', noting("{{ db.facts.services.note.told | default: 'none' }}")),
  })
  assert.equal((await clone.push()).code, 0)
  await see.idle()
  await onServer(await container('db'), 'echo news >/etc/told')
  await devops('sync', 'db')
  await see.eventually('the fact on web', async () => (await noteOn('web')) === 'news')
  await see.idle()
})

test('a generated password is the same everywhere, is shown nowhere, and is followed when it is rotated', async () => {
  clone.write({
    'nodes/db.yml': server('db', noting('{{ passwords.shared }}', '  port: 5432\n')),
    'nodes/web.yml': server('web', noting('{{ passwords.shared }}')),
  })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  await see.eventually('a password', async () => (await noteOn('web')).length === 32)
  await see.idle()
  const first = await noteOn('db')
  assert.match(first, /^[A-Za-z0-9]{32}$/)
  assert.equal(await noteOn('web'), first)
  assert.match(await devops('password', 'list'), /passwords\.shared +1 +.* devo\.ps/)
  const rotated = await devops('password', 'rotate', 'passwords.shared')
  assert.match(rotated, /Synced in a moment, because they use it: db, web\./)
  await see.eventually('another password', async () => (await noteOn('web')) !== first)
  await see.idle()
  const second = await noteOn('db')
  assert.notEqual(second, first)
  assert.equal(await noteOn('web'), second)
  const seen = [pushed.text, rotated, await devops('plan'), await devops('logs'), plane.output()].join('\n')
  for (const password of [first, second]) assert.ok(!seen.includes(password))
})

test('a password that a descriptor leaves out is made for its address, and reached by the name of its item', async () => {
  const users = `    users: [{ name: shop }, { name: blog, password: written }]\n`
  clone.write({
    'nodes/db.yml': server('db', `services: [note]\nconfiguration:\n  note:\n    text: db\n${users}`),
    'nodes/web.yml': server('web', noting('{{ db.configuration.note.users.shop.password }}')),
  })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  const usersOn = async () => onServer(await container('db'), 'cat /etc/users 2>/dev/null || true')
  const made = await see.eventually(
    'users',
    async () => /^shop=(\w{32}) blog=written $/.exec(await usersOn())?.[1],
  )
  await see.eventually('the same on web', async () => (await noteOn('web')) === made)
  await see.idle()
  const address = 'db.configuration.note.users.shop.password'
  assert.match(await devops('password', 'rotate', address), /because they use it: db, web\./)
  const fresh = await see.eventually('another', async () => {
    const now = /^shop=(\w{32}) /.exec(await usersOn())?.[1]
    return now !== made && now
  })
  await see.eventually('another on web', async () => (await noteOn('web')) === fresh)
  await see.idle()
  for (const password of [made, fresh])
    assert.ok(![pushed.text, await devops('logs'), plane.output()].join('\n').includes(password))
})

test('the history of a variable tells commits and people', async () => {
  clone.write({
    'nodes/db.yml': server('db', noting('db', '  port: 5433\n')),
    'nodes/web.yml': server('web', noting('web')),
  })
  assert.equal((await clone.push()).code, 0)
  await devops('var', 'set', '--node', 'db', 'port', '5434')
  const commit = (await clone.git('rev-parse', '--short=7', 'HEAD')).text.trim()
  const history = await see.eventually('the commit', async () => {
    const text = await devops('var', 'history', '--node', 'db', 'port')
    return text.includes(commit) && text
  })
  const rows = history.trim().split('\n').slice(1)
  assert.deepEqual(
    rows.map((row) => row.split(/\s{2,}/)[0]),
    ['5434', '5433', '(removed)', '5432'],
  )
  assert.match(rows[0] ?? '', /ann +hand$/)
  assert.match(rows[1] ?? '', new RegExp(`ann +commit ${commit}$`))
  await see.idle()
})
