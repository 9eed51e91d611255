import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { EventData } from '#contracts'
import type { Service } from '#contracts/descriptors.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { until } from '#testing/until.ts'
import { aNode, type Desk, openDesk, record, repo, scripts, serverOf } from './testing/desk.ts'

/** Tells of its begin and its end, and goes on when it may. */
const slow = (name: string) => `echo begin >>/var/tmp/${name}
while ! [ -e /var/tmp/go-${name} ]; do sleep 0.1; done
echo end >>/var/tmp/${name}`

const service: Service = {
  id: 'own',
  title: 'own',
  tags: [],
  requires: [],
  base: true,
  options: {},
  commands: {},
  resources: [
    { command: 'slow', run: slow('sync'), unless: 'grep -q end /var/tmp/sync' },
    { file: '/var/tmp/after', content: 'x' },
  ],
  handlers: {},
  templates: {},
  facts: {},
}

describe('a lease that is lost in the middle', { timeout: 300_000 }, () => {
  let fleet: Fleet
  let machine: Machine
  let desk: Desk
  let running: AsyncDisposable
  before(async () => {
    fleet = await startFleet(1, { plane: 'leases' })
    machine = fleet.machines[0] as Machine
    desk = await openDesk(fleet.key, undefined, [service])
    desk.records.set('web', record('web', serverOf(machine)))
    desk.infrastructure.nodes.push(aNode('web'))
    running = await desk.start()
  })
  after(async () => {
    await running?.[Symbol.asyncDispose]()
    await desk?.[Symbol.asyncDispose]()
    await fleet?.[Symbol.asyncDispose]()
  })
  const noted = (name: string) => machine.sh(`cat /var/tmp/${name} 2>/dev/null || true`)
  /** Whoever takes over has had its time to begin the same again. */
  const takenOver = async (name: string) => {
    await until(async () => (await noted(name)) === 'begin\n')
    let attempt = 0
    for (let i = 0; i < 3; i++) {
      attempt = await desk.loseLeases()
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }
    assert.ok(attempt > 1, `attempt ${attempt}`)
    assert.equal(await noted(name), 'begin\n')
    await machine.sh(`touch /var/tmp/go-${name}`)
  }

  test('a step goes on, ends once, and each of its lines is logged once', async () => {
    scripts.set('held', { script: `seq 1 200\n${slow('step')}\nseq 201 400`, user: 'root' })
    const payload = { repo, run: 'held', task: 'deploy', step: 0, node: 'web', attempt: 1 }
    await desk.bus.send('shazam.steps', { payload })
    await takenOver('step')
    const told = (await desk.event(({ subject }) => subject === 'held/web'))
      .data as EventData<'step.finished'>
    assert.deepEqual([told.outcome, await noted('step')], ['success', 'begin\nend\n'])
    const texts = () =>
      desk.lines.filter(({ work, stream }) => work === 'held' && stream === 'stdout').map(({ text }) => text)
    await until(() => texts().length >= 400)
    assert.deepEqual(
      texts(),
      Array.from({ length: 400 }, (_, i) => String(i + 1)),
    )
    assert.equal(desk.events.filter(({ subject }) => subject === 'held/web').length, 1)
  })

  test('a sync is never applied twice at once, and ends once', async () => {
    const payload = { repo, node: 'web', work: 'w1', commit: null, attempt: 1, goal: 'converge' as const }
    await desk.bus.send('shazam.nodes', { payload })
    await takenOver('sync')
    const ends = () => desk.events.filter(({ type }) => /^node\.web\..*\.(success|error)$/.test(type))
    await until(() => ends().length > 0)
    assert.match(ends()[0]?.type ?? '', /success$/)
    assert.deepEqual([await noted('sync'), await noted('after')], ['begin\nend\n', 'x'])
    assert.equal(ends().length, 1)
  })
})
