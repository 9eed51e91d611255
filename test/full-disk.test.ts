import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { Run } from '#contracts/tasker.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { failingDisk, smallDisk } from '#testing/small-disk.ts'
import { until } from '#testing/until.ts'

/** A machine that is not linked: its runs wait, and need no server. */
const node = 'id: one\nname: one\ntype: server\nprovider:\n  name: ssh\n'
const task = `id: hello
name: Hello
type: task
triggers:
  webhooks:
    - path: hello
targets: [one]
steps:
  - run: 'true'
`

interface Answer {
  status: number
  retryAfter: string | null
  body: { code?: string; detail?: string; run?: string }
}

async function ask(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(url + path, init)
  const text = await answer.text()
  return {
    status: answer.status,
    retryAfter: answer.headers.get('retry-after'),
    body: text ? JSON.parse(text) : {},
  }
}

const ready = (plane: Plane) => ask(plane.url, '/readyz')
const isReady = async (plane: Plane) => (await ready(plane)).status === 200

test('a full disk: changes and webhooks are refused with 503 and Retry-After, reads work, /readyz says why, and it goes on by itself', async (t) => {
  const disk = smallDisk(t, '64m')
  if (!disk) return
  await using plane = await startPlane([], disk.folder)
  const ann = await plane.person('ann')
  const clone = await ann.repository('full')
  clone.write({ 'nodes/one.yml': node, 'tasks/hello.yml': task })
  const pushed = await clone.push('first')
  assert.equal(pushed.code, 0, pushed.text)
  const acknowledged: (string | undefined)[] = []
  const hook = () => ask(plane.url, `/hooks/${clone.repo}/hello`, { method: 'POST', body: '{}' })
  const hookUntil = (wanted: boolean): Promise<Answer> =>
    until<Answer | undefined>(async () => {
      const answer = await hook()
      if (answer.status === 202) acknowledged.push(answer.body.run)
      return (answer.status === 202) === wanted ? answer : undefined
    })
  const unused = await Promise.all(
    [1, 2].map((title) =>
      plane.admin()<{ token: string }>('POST', '/v1/users/ann/tokens', { title: `unused ${title}` }),
    ),
  )
  await hookUntil(true)
  assert.equal((await ready(plane)).status, 200)

  for (let round = 1; round <= 2; round++) {
    disk.fill()
    const refused = await hookUntil(false)
    assert.equal(refused.status, 503, JSON.stringify(refused))
    assert.equal(refused.body.code, 'disk_full')
    assert.match(refused.retryAfter ?? '', /^\d+$/)
    const set = await ask(plane.url, '/v1/repos', {
      method: 'POST',
      headers: { authorization: `Bearer ${ann.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ repo: `ann/other${round}` }),
    })
    assert.equal(set.status, 503, JSON.stringify(set))
    assert.match(set.retryAfter ?? '', /^\d+$/)
    // Reads, also by a token that nobody has used before: that its use cannot be noted is no reason to refuse it.
    const { token = '' } = unused[round - 1] ?? {}
    const read = await ask(plane.url, '/v1/repos', { headers: { authorization: `Bearer ${token}` } })
    assert.equal(read.status, 200, JSON.stringify(read))
    const runs = await ann.api<Run[]>('GET', `/v1/repos/${clone.repo}/runs`)
    assert.deepEqual(
      acknowledged.filter((run) => !runs.some(({ id }) => id === run)),
      [],
    )
    assert.equal((await ask(plane.url, '/healthz')).status, 200)
    const told = await ready(plane)
    assert.equal(told.status, 503)
    assert.equal(told.body.code, 'not_ready')
    assert.match(told.body.detail ?? '', /disk/)
    disk.free()
    await until(() => isReady(plane))
    await hookUntil(true)
  }
  const runs = await ann.api<Run[]>('GET', `/v1/repos/${clone.repo}/runs?limit=1000`)
  assert.deepEqual(
    acknowledged.filter((run) => !runs.some(({ id }) => id === run)),
    [],
  )
  clone.write({ 'tasks/hello.yml': task.replace('Hello', 'Hello again') })
  const last = await clone.push('room again')
  assert.equal(last.code, 0, last.text)
})

test('a platform that starts on a full disk answers reads, and does all of its work once there is room', async (t) => {
  const disk = smallDisk(t, '64m')
  if (!disk) return
  await using plane = await startPlane([], disk.folder)
  const ann = await plane.person('ann')
  const clone = await ann.repository('full')
  await plane.kill()
  disk.fill()
  await plane.restart()
  assert.deepEqual(
    (await ann.api<{ repo: string }[]>('GET', '/v1/repos')).map(({ repo }) => repo),
    [clone.repo],
  )
  assert.equal((await ready(plane)).status, 503)
  disk.free()
  await until(() => isReady(plane))
  clone.write({ 'nodes/one.yml': node, 'tasks/hello.yml': task })
  const pushed = await clone.push('first')
  assert.equal(pushed.code, 0, pushed.text)
  // Consumers of the push are awake: the task has its webhook.
  await until(
    async () =>
      (await ask(plane.url, `/hooks/${clone.repo}/hello`, { method: 'POST', body: '{}' })).status === 202,
  )
})

test('a disk that does not keep what was synced ends the platform with words, and the next start has what was acknowledged', async (t) => {
  const disk = failingDisk(t)
  if (!disk) return
  await using plane = await startPlane([], disk.folder)
  const admin = plane.admin()
  const acknowledged: string[] = []
  const make = (repo: string) =>
    admin('POST', '/v1/repos', { repo }).then(
      () => acknowledged.push(repo),
      () => {},
    )
  await make('admin/kept')
  disk.fill()
  const pid = plane.pid()
  for (let n = 0; n < 1000 && isAlive(pid); n++) await make(`admin/r${n}`)
  await until(() => !isAlive(pid), 20_000)
  assert.match(plane.output(), /the disk did not keep what was written: the platform ends/)
  disk.free()
  await plane.restart()
  const repos = (await admin<{ repo: string }[]>('GET', '/v1/repos')).map(({ repo }) => repo)
  assert.deepEqual(
    acknowledged.filter((repo) => !repos.includes(repo)),
    [],
  )
  assert.equal((await ready(plane)).status, 200)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a platform whose own log and screen cannot be written goes on, and its log comes back when there is room', async (t) => {
  const disk = smallDisk(t, '1m')
  if (!disk) return
  const data = join(disk.folder, '..', `${disk.folder.split('/').at(-1)}-data`)
  mkdirSync(data, { mode: 0o700 })
  t.after(() => execFile('rm', ['-rf', data]))
  const log = openSync(join(disk.folder, 'log'), 'a')
  const full = openSync('/dev/full', 'w')
  disk.fill()
  const program = resolve(import.meta.dirname, '../bin/devops.ts')
  const token = join(data, 'token')
  const args = [
    'server',
    '--data',
    data,
    '--port',
    '0',
    '--ssh-port',
    '0',
    '--git-port',
    '0',
    '--token-file',
    token,
  ]
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', full, log],
    env: { ...process.env, DEVOPS_LOG: 'debug' },
  })
  closeSync(log)
  closeSync(full)
  let code: number | null | undefined
  child.once('exit', (exit) => {
    code = exit
  })
  t.after(async () => {
    if (code !== undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const url = await until(() => {
    assert.equal(code, undefined)
    const { ports } = JSON.parse(readFileSync(join(data, 'holder.json'), 'utf8'))
    return ports.api && `http://127.0.0.1:${ports.api}`
  })
  const admin = { authorization: `Bearer ${readFileSync(token, 'utf8')}`, 'content-type': 'application/json' }
  const make = async (repo: string) =>
    (await fetch(`${url}/v1/repos`, { method: 'POST', headers: admin, body: JSON.stringify({ repo }) }))
      .status
  assert.equal(await make('admin/one'), 201)
  // More than the log keeps in memory for later.
  for (let n = 0; n < 50; n++) await fetch(`${url}/v1/${'x'.repeat(3000)}`, { headers: admin })
  disk.free()
  assert.equal(await make('admin/two'), 201)
  child.kill('SIGTERM')
  await until(() => code !== undefined)
  assert.equal(code, 0)
})
