import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, type Watch, watch } from '#testing/story.ts'

const example = resolve(import.meta.dirname, '../../examples/hello')

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
let container: string

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('hello')
  see = watch(ann, clone.repo, plane)
})
after(() => plane?.[Symbol.asyncDispose]())

const commit = async () => (await clone.git('rev-parse', 'HEAD')).text.trim()
const page = async () => {
  const { server } = await see.node('web')
  return (await fetch(`http://${server?.host}/`)).text()
}

test('a pushed example is answered with its plan, made, synced, and its create event runs the task that publishes a page', async () => {
  for (const file of readdirSync(example, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = join(file.parentPath, file.name)
    clone.write({ [path.slice(example.length + 1)]: readFileSync(path, 'utf8') })
  }
  const pushed = await clone.push('the example')
  assert.equal(pushed.code, 0, pushed.text)
  assert.match(pushed.text, /remote: .*web.*create/i)
  assert.match(pushed.text, /publish/)
  const node = await see.synced('web', await commit())
  container = node.server?.id ?? ''
  const [run] = await see.ended('publish')
  assert.equal(run?.state, 'succeeded', JSON.stringify(run))
  assert.equal(run?.cause.kind, 'event')
  assert.match(await page(), /^Hello from devo\.ps\nnode Web server at [\d.]+, nginx with 2 workers\n$/)
})

test('the owner enters the node with the key of the profile', async () => {
  const answer = await ann.devops(
    'ssh',
    'web',
    '--repo',
    clone.repo,
    '--identity',
    ann.keyFile,
    '--',
    'id -un; sudo -n id -un',
  )
  assert.equal(answer.code, 0, answer.text)
  assert.match(answer.text, /devops\nroot/)
})

test('a task by hand streams its lines and ends with the outcome of the run', async () => {
  const answer = await ann.devops('run', 'publish', '--repo', clone.repo)
  assert.equal(answer.code, 0, answer.text)
  assert.match(answer.text, /Hello from devo\.ps/)
  const [run] = await see.ended('publish', 2)
  assert.equal(run?.cause.kind, 'hand')
})

test('a second sync of a synced node changes nothing', async () => {
  const nginx = () =>
    onServer(container, 'systemctl show nginx -p ActiveEnterTimestampMonotonic -p ExecMainPID')
  const before = await nginx()
  const answer = await ann.devops('sync', 'web', '--repo', clone.repo)
  assert.equal(answer.code, 0, answer.text)
  await see.idle()
  const [work] = await see.works()
  const lines = await see.logs(`work=${work?.id}`)
  assert.ok(
    lines.some(({ text }) => /nothing to do/i.test(text)),
    lines.map(({ text }) => text).join('\n'),
  )
  assert.equal(await nginx(), before)
})

test('a changed option is shown as a diff by the push and reaches the server, which reloads and does not restart', async () => {
  const main = () => onServer(container, 'systemctl show nginx -p ExecMainPID')
  const before = await main()
  const text = readFileSync(join(clone.folder, 'nodes/web.yml'), 'utf8')
  clone.write({ 'nodes/web.yml': text.replace('worker_processes: 2', 'worker_processes: 3') })
  const pushed = await clone.push('three workers')
  assert.equal(pushed.code, 0, pushed.text)
  assert.match(pushed.text, /-worker_processes 2;/)
  assert.match(pushed.text, /\+worker_processes 3;/)
  await see.synced('web', await commit())
  assert.match(await onServer(container, 'cat /etc/nginx/nginx.conf'), /^worker_processes 3;/m)
  assert.equal(await main(), before)
})

test('a push while a sync runs is answered at once, and the last commit is the one that holds', async () => {
  const text = readFileSync(join(clone.folder, 'nodes/web.yml'), 'utf8')
  for (const workers of [4, 5, 6]) {
    clone.write({ 'nodes/web.yml': text.replace('worker_processes: 3', `worker_processes: ${workers}`) })
    const pushed = await clone.push(`${workers} workers`)
    assert.equal(pushed.code, 0, pushed.text)
  }
  await see.synced('web', await commit())
  await see.idle()
  assert.match(await onServer(container, 'cat /etc/nginx/nginx.conf'), /^worker_processes 6;/m)
})

test('a removed node wants consent, says how to give it, and is destroyed when it has it', async () => {
  clone.write({ 'nodes/web.yml': null, 'tasks/publish.yml': null, 'scripts/page.sh': null })
  const refused = await clone.push('no server')
  assert.notEqual(refused.code, 0)
  assert.match(refused.text, /git push -o destroy=web/)
  await onServer(container, 'true')
  const pushed = await clone.push('no server', ['destroy=web'])
  assert.equal(pushed.code, 0, pushed.text)
  await see.gone('web')
  await assert.rejects(onServer(container, 'true'), /No such container/)
})
