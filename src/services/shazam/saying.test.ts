import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { EventData } from '#contracts'
import { openOutbound } from '#kit/outbound.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { openSlowWire } from '#testing/slow-wire.ts'
import { aNode, type Desk, openDesk, record, repo, serverOf } from './testing/desk.ts'
import { serviceOf } from './testing/graphs.ts'

/** What a sync says in the end: to whoever listens for its event, and in its log. */
describe('saying', { timeout: 300_000 }, () => {
  let fleet: Fleet
  let machine: Machine
  let desk: Desk
  let service: AsyncDisposable
  before(async () => {
    fleet = await startFleet(1, { plane: 'saying' })
    machine = fleet.machines[0] as Machine
    desk = await openDesk(fleet.key)
    service = await desk.start({ outbound: openOutbound(['127.0.0.1']) })
    desk.infrastructure.nodes.push(aNode('web', { services: { x: '*' } }))
    desk.records.set('web', record('web', serverOf(machine)))
  })
  after(async () => {
    await service?.[Symbol.asyncDispose]()
    await desk?.[Symbol.asyncDispose]()
    await fleet?.[Symbol.asyncDispose]()
  })

  /** How a sync with these resources ended. */
  async function sync(work: string, resources: string[]) {
    desk.infrastructure.services = [serviceOf('x', `resources:\n${resources.join('\n')}`)]
    await desk.bus.send('shazam.nodes', {
      payload: { repo, node: 'web', work, commit: null, attempt: 1, goal: 'converge' },
    })
    const { type, data } = await desk.event(
      (event) => /\.(success|error)$/.test(event.type) && (event.data as { work?: string }).work === work,
    )
    return { type, ...(data as EventData<'node.*.update.error'>) }
  }

  const fails = (name: string) => `  - {command: ${name}, run: 'echo why ${name} >&2; exit 3'}`
  const waits = (name: string, on: string) =>
    `  - {file: /tmp/saying-${name}, content: x, requires: ['command:${on}']}`

  test('a sync that failed in one place names it, its reason, and what was left out because of it', async () => {
    const { type, error, retry } = await sync('one', [
      fails('a'),
      waits('after', 'a'),
      '  - {file: /tmp/saying, content: x}',
    ])
    assert.match(type, /^node\.web\.\w+\.error$/)
    assert.deepEqual([error.code, retry], ['not_applied', true])
    assert.equal(
      error.message,
      'command:a: ended with 3: why a; skipped because of that: file:/tmp/saying-after',
    )
    assert.equal(await machine.sh('ls /tmp/saying*'), '/tmp/saying\n')
  })

  test('a sync that failed in many places names the first of them and counts the rest', async () => {
    const broken = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const left = Array.from({ length: 12 }, (_, at) => `f${at + 10}`)
    const { error } = await sync('many', [...broken.map(fails), ...left.map((name) => waits(name, 'a'))])
    const named = ['a', 'b', 'c', 'd', 'e'].map((name) => `command:${name}: ended with 3: why ${name}`)
    const skipped = left.slice(0, 10).map((name) => `file:/tmp/saying-${name}`)
    assert.equal(
      error.message,
      `${named.join('; ')}; and 2 more; skipped because of that: ${skipped.join(', ')} and 2 more`,
    )
  })

  test('a node that waits for a reboot is synced all the same, and each sync warns of it and of what asks for it', async () => {
    await machine.sh('echo linux-image >/run/reboot-required.pkgs; echo x >/run/reboot-required')
    const warnings = () =>
      desk.lines
        .filter(({ level, stream }) => level === 'warn' && stream === 'platform')
        .map(({ text }) => text)
    const warning = 'this node must be booted anew before all that is installed is in use (linux-image)'
    assert.match((await sync('warned', ['  - {file: /tmp/saying, content: y}'])).type, /\.success$/)
    assert.deepEqual(warnings(), [warning])
    await machine.sh('rm /run/reboot-required.pkgs')
    await sync('again', ['  - {file: /tmp/saying, content: y}'])
    assert.deepEqual(warnings(), [warning, warning.replace(' (linux-image)', '')])
    await machine.sh('rm /run/reboot-required')
    await sync('silent', ['  - {file: /tmp/saying, content: y}'])
    assert.equal(warnings().length, 2)
  })

  test('over a link of 300 ms and 5 kB a second a sync says what it does, loses no line, and is done once', async () => {
    await using wire = await openSlowWire(machine.ip, { delay: 150, rate: 5000 })
    desk.records.set('web', record('web', serverOf(machine, { host: '127.0.0.1', port: wire.port })))
    const text = Array.from({ length: 500 }, (_, at) => `line ${at}\\n`).join('')
    const resources = [
      `  - {file: /tmp/slow, content: "${text}"}`,
      '  - {command: talk, run: "seq 1 1000; touch /tmp/talked", unless: test -e /tmp/talked}',
    ]
    assert.match((await sync('slow', resources)).type, /\.success$/)
    assert.equal(await machine.sh('wc -l </tmp/slow; tail -n 1 /tmp/slow'), '500\nline 499\n')
    const texts = (stream: string) =>
      desk.lines.filter((line) => line.work === 'slow' && line.stream === stream).map((line) => line.text)
    assert.deepEqual(
      texts('stdout'),
      Array.from({ length: 1000 }, (_, at) => `${at + 1}`),
    )
    assert.ok(texts('platform').some((line) => line.includes('/tmp/slow')))
    const again = (await sync('slow again', resources)) as { changed?: number }
    assert.equal(again.changed, 0)
  })
})
