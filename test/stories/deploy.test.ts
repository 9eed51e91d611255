import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, type Watch, watch } from '#testing/story.ts'

const nodes = ['web1', 'web2', 'web3']
let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
const containers = new Map<string, string>()

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('deploy')
  see = watch(ann, clone.repo, plane)
  cpSync(resolve(import.meta.dirname, '../../examples/deploy'), clone.folder, { recursive: true })
  const pushed = await clone.push('Three servers')
  assert.equal(pushed.code, 0, pushed.text)
  for (const id of nodes) containers.set(id, (await see.synced(id)).server?.id ?? '')
})
after(() => plane?.[Symbol.asyncDispose]())

const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)
const on = (node: string, line: string) => onServer(containers.get(node) ?? '', line)

test('examples/deploy, pushed as it is, brings a version to one server after another', async () => {
  const { code, text } = await devops('run', 'deploy')
  assert.equal(code, 0, text)
  const ended = (await see.runs('deploy'))[0]?.steps ?? []
  const times = nodes.map((node) => {
    const own = ended.filter((step) => step.node === node && step.step <= 4)
    return [
      Math.min(...own.map((step) => step.started_at ?? 0)),
      Math.max(...own.map((step) => step.ended_at ?? 0)),
    ]
  })
  assert.ok((times[0]?.[1] ?? 0) <= (times[1]?.[0] ?? 0) && (times[1]?.[1] ?? 0) <= (times[2]?.[0] ?? 0))
  for (const node of nodes)
    assert.match(await on(node, 'cat /srv/site/current/index.html'), /^version \d{14}$/m)
})

test('its task that deletes waits for an admin', async () => {
  await devops('run', 'wipe', '--no-wait')
  const run = await see.eventually('a run that waits', async () => (await see.runs('wipe'))[0])
  assert.match(run.waits_for ?? '', /waits for approval by an admin/)
  assert.equal((await devops('approve', run.id)).code, 0)
  await see.ended('wipe')
  assert.equal(await on('web1', 'ls /srv'), '')
})
