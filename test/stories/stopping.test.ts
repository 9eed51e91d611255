import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

/** The platform ends in the middle of a sync of one node and of a step of the other, and is started again at once. */
let plane: Plane
let ann: Person
let clone: Clone
let see: Watch

/** Goes on until somebody lets it: however slow a start is, it meets what is still at work. */
const noting = (file: string) =>
  `echo begin >>/var/tmp/${file}; until [ -e /var/tmp/go ]; do sleep 0.1; done; echo end >>/var/tmp/${file}`
const service = `id: slow
title: Slow
options:
  text: {type: string, required: true}
resources:
  - command: slow
    run: ${noting('applies')}
`
const node = (text: string) =>
  server('one', `services:\n  slow: '*'\nconfiguration:\n  slow:\n    text: ${text}\n`)
const task = `id: long
name: Long
type: task
targets: [two]
steps:
  - run: ${noting('steps')}
  - run: echo last >>/var/tmp/steps
`

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('ends')
  see = watch(ann, clone.repo, plane)
  clone.write({
    'services/slow/service.yml': service,
    'nodes/one.yml': node('first'),
    'tasks/long.yml': task,
  })
  clone.write({ 'nodes/two.yml': server('two') })
  const { code, text } = await clone.push('start')
  assert.equal(code, 0, text)
  await see.eventually('the first sync', async () => (await applies()).includes('begin'))
  await on('one', 'touch /var/tmp/go')
  for (const id of ['one', 'two']) await see.synced(id)
})
after(() => plane?.[Symbol.asyncDispose]())

const on = async (id: string, line: string) => onServer((await see.node(id)).server?.id ?? '', line)
const applies = () => on('one', 'cat /var/tmp/applies 2>/dev/null || true').catch(() => '')
const waits = async () =>
  (await see.logs('node=one')).filter(({ text }) => /\(command:slow\): waiting for its end/.test(text)).length
/** A second start right after the first finds the same. */
const ends: [signal: NodeJS.Signals, times: number][] = [
  ['SIGTERM', 1],
  ['SIGTERM', 3],
  ['SIGINT', 1],
  ['SIGKILL', 2],
]

for (const [round, [signal, times]] of ends.entries())
  test(`${times} × ${signal} in the middle: never two applies at once, no step twice, and both come to their end`, async () => {
    for (const id of ['one', 'two']) await on(id, 'rm -f /var/tmp/applies /var/tmp/steps /var/tmp/go')
    const waited = await waits()
    clone.write({ 'nodes/one.yml': node(`round-${round}`) })
    const pushed = await clone.push(`round ${round}`)
    assert.equal(pushed.code, 0, pushed.text)
    const { id } = await ann.api<{ id: string }>('POST', `/v1/repos/${clone.repo}/tasks/long/runs`, {})
    const begun = async (where: string, file: string) =>
      (await on(where, `cat ${file} 2>/dev/null || true`)).includes('begin')
    await see.eventually('the sync on its node', () => begun('one', '/var/tmp/applies'))
    await see.eventually('the step on its node', () => begun('two', '/var/tmp/steps'))
    for (let time = 0; time < times; time++) {
      await plane.kill(signal)
      await plane.restart()
    }
    await see.eventually(
      'the next apply at the door',
      async () => (await waits()) > waited || (await applies()).split('begin').length > 2,
    )
    for (const id of ['one', 'two']) await on(id, 'touch /var/tmp/go')
    const { commit } = await ann.api<{ commit: string }>('GET', `/v1/repos/${clone.repo}`)
    await see.synced('one', commit)
    await see.ended('long', round + 1)
    assert.match(await applies(), /^(begin\nend\n)+$/, 'two applies were at work at once')
    const run = (await see.runs('long')).find((one) => one.id === id)
    assert.equal(run?.state, 'succeeded', run?.error ?? '')
    assert.equal(await on('two', 'cat /var/tmp/steps'), 'begin\nend\nlast\n')
  })
