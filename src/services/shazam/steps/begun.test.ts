import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData } from '#contracts'
import type { NodeRecord } from '#contracts/registry.ts'
import type { StepJob } from '#contracts/shazam.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { openOutbound } from '#kit/outbound.ts'
import { Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { infrastructures } from '../shazam.ts'
import { openDesk, record, repo, scripts } from '../testing/desk.ts'
import { openTransport } from '../transport/index.ts'
import { openBurials } from './burials.ts'
import { workOnStep } from './index.ts'

const LAST = 5

/** Nothing listens at port 1. */
const away: NodeRecord = record('web', {
  provider: 'ssh',
  id: 'gone',
  host: '127.0.0.1',
  port: 1,
  user: 'devops',
  host_keys: [],
  made_from: { name: 'ssh' },
})

interface Case {
  when: string
  attempt: number
  node: NodeRecord
  /** False: the tasker does not know the run. */
  told?: boolean
  outcome: EventData<'step.finished'>['outcome']
}

const cases: Case[] = [
  { when: 'its node is away', attempt: 1, node: away, outcome: 'failure' },
  { when: 'its node is away', attempt: 2, node: away, outcome: 'unknown' },
  { when: 'its node has no server', attempt: 1, node: record('web'), outcome: 'failure' },
  { when: 'its node has no server any more', attempt: 2, node: record('web'), outcome: 'unknown' },
  { when: 'nobody knows its text', attempt: 1, node: away, told: false, outcome: 'failure' },
  { when: 'nobody knows its text', attempt: LAST, node: away, told: false, outcome: 'unknown' },
]

for (const { when, attempt, node, told = true, outcome } of cases) {
  const begun = attempt === 1 ? 'nobody has begun' : 'another process may have begun'
  test(`a step that ${begun} is ${outcome} when ${when}`, async () => {
    const finished = await work(attempt, node, told)
    assert.deepEqual([finished.outcome, finished.exit], [outcome, null])
    assert.match(finished.error ?? '', told ? /has no server|cannot be reached/ : /There is no run/)
  })
}

test('a step whose use of secrets cannot be recorded waits, however long, says so once, and goes on', async () => {
  let left = 4 * LAST
  const lines: string[] = []
  const refuse = () => (left-- > 0 ? new Problem('unaudited', { reason: 'the disk is full' }) : undefined)
  const { outcome, error } = await work(1, away, true, { refuse, lines })
  assert.equal(left, -1)
  assert.deepEqual([outcome, /cannot be reached/.test(error ?? '')], ['failure', true])
  const waits = 'this step waits: it uses secrets, and the audit cannot be written'
  assert.equal(lines.filter((text) => text === waits).length, 1)
})

interface More {
  /** Why the tasker does not tell the text of the step. */
  refuse?: () => Problem | undefined
  /** Gets what is logged. */
  lines?: string[]
}

/** What the worker tells of a job at its Nth attempt, when it waits for nothing. */
async function work(
  attempt: number,
  node: NodeRecord,
  told: boolean,
  { refuse, lines }: More = {},
): Promise<EventData<'step.finished'>> {
  const pair = newKeyPair()
  await using desk = await openDesk({ publicKey: pair.public, privateKey: new Secret(pair.private) })
  const parts = { clock: systemClock, log: silentLog, outbound: openOutbound(['127.0.0.1']) }
  await using transport = openTransport(parts)
  desk.records.set('web', node)
  desk.refuseText = refuse
  const job: StepJob = { repo, run: `begun-${attempt}`, task: 'deploy', step: 0, node: 'web', attempt: 1 }
  scripts.delete(job.run)
  if (told) scripts.set(job.run, { script: 'true' })
  const { bus } = desk
  const own = { catalog: [], providers: new Map(), infrastructureAt: infrastructures(bus) }
  const shazam = { bus, ...parts, transport, ...own }
  await using burials = openBurials(parts)
  const worker = workOnStep(shazam, burials, { before: 0, after: 0, between: 0 })
  desk.bus.work('shazam.steps', (payload, lease) => worker(payload, { ...lease, attempt }))
  await desk.bus.send('shazam.steps', { payload: job })
  const { data } = await desk.event(({ subject }) => subject === `${job.run}/web`)
  lines?.push(...desk.texts('platform'))
  return data as EventData<'step.finished'>
}
