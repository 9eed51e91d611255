import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, queues } from '#contracts'
import { modernize, versionOf } from '#contracts/former.ts'
import { defaultSettings } from '#contracts/settings.ts'
import { openSqlite } from '#store/sqlite.ts'
import { fakeClock } from '#testing/clock.ts'
import { until } from '#testing/until.ts'
import { silentLog } from '../kit/log.ts'
import { migrations } from './embedded/schema.ts'
import { embeddedBus } from './embedded.ts'
import { unpackEvent, unpackJob } from './payload.ts'

/** As written by the commits, before payloads had a version. */
const stepJob = { repo: 'ann/site', run: 'r', task: 't', step: 0, node: 'web', attempt: 1 }
const finished = {
  ...{ repo: 'ann/site', run: 'r', step: 0, node: 'web', attempt: 1 },
  ...{ outcome: 'success', exit: 0, error: null, stdout: 'hello\n' },
}
const moved = { repo: 'ann/site', address: 'vars.colour', nodes: ['web'], by: 'ann' }
const drift = { repo: 'ann/site', node: 'web', commit: 'a'.repeat(40), fields: [], heals: false }
const pushed = { repo: 'ann/site', branch: 'main', before: null, after: 'a'.repeat(40), by: 'ann' }
const nodeJob = {
  ...{ repo: 'ann/site', node: 'web', work: 'w', commit: 'a'.repeat(40), attempt: 1 },
  goal: 'converge',
}
const written: [name: string, commit: string, payload: object][] = [
  ['shazam.steps', '0fce87c', { ...stepJob, script: 'echo hello', user: 'root' }],
  ['shazam.steps', 'bc66c91', stepJob],
  ['step.finished', '0fce87c', finished],
  ['step.finished', 'b5a95d4', { ...finished, outputs: { a: 'b' } }],
  ['var.changed', '0fce87c', moved],
  ['var.changed', 'b5a95d4', moved],
  ['node.*.drift', 'bc66c91', drift],
  ['repo.pushed', '0fce87c', pushed],
  ['profile.changed', 'b5a95d4', { user: 'ann', what: 'user' }],
  ['repo.deleted', 'b5a95d4', { repo: 'ann/site', by: 'ann' }],
  ['shazam.nodes', '0fce87c', nodeJob],
  ['shazam.nodes', 'b5a95d4', { ...nodeJob, promised: { plan: 'p', verdict: 'change', digest: 'd' } }],
]

for (const [name, commit, payload] of written)
  test(`a ${name} that ${commit} queued is read`, () => {
    const text = JSON.stringify(payload)
    const value =
      name in queues
        ? unpackJob(name as 'shazam.steps', text, 0)
        : unpackEvent(name as 'var.changed', text, 0)
    for (const [key, kept] of Object.entries(value as object))
      if (key in payload) assert.deepEqual(kept, (payload as Record<string, unknown>)[key], key)
  })

test('a push that was judged before events told of consent keeps the consent that it was given', () => {
  const { agreed } = unpackEvent('repo.pushed', JSON.stringify(pushed), 0) as { agreed: object }
  assert.deepEqual(agreed, { destroy: ['all'], replace: ['all'] })
})

test('settings that were written before a setting existed keep their own, and it has its default', () => {
  const { approval_required: _, ...settings } = { ...defaultSettings(), runs_at_once: 7 }
  const text = JSON.stringify({ repo: 'ann/site', settings, by: 'ann' })
  const read = unpackEvent('repo.settings_changed', text, 0) as { settings: object }
  assert.deepEqual(read.settings, { ...settings, approval_required: [] })
})

test('what a newer program queued is refused by its version, not taken for another shape', () => {
  const text = JSON.stringify({ ...moved, work: null })
  const newer = versionOf('var.changed') + 1
  assert.throws(() => unpackEvent('var.changed', text, newer), /newer program/)
})

test('a payload of today is read as it was written', () => {
  const value = { ...finished, outputs: { a: 'b' } }
  assert.deepEqual(modernize('step.finished', versionOf('step.finished'), value), value)
})

test('jobs and events that wait in a store from before there were versions reach their handlers', async () => {
  await using store = openSqlite(':memory:')
  await store.migrate(migrations.slice(0, 2))
  const trace = `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`
  const db = store.as<Record<string, Record<string, unknown>>>().db
  await db
    .insertInto('bus_jobs')
    .values({
      ...{ queue: 'shazam.steps', id: 'r.0.web.1', traceparent: trace, state: 'ready', due: 0 },
      ...{
        attempt: 0,
        failures: 0,
        error: '',
        payload: JSON.stringify({ ...stepJob, script: 'x', user: 'root' }),
      },
    })
    .execute()
  await db
    .insertInto('bus_consumers')
    .values({ name: 'c', patterns: '["step.finished"]', epoch: 1 })
    .execute()
  await db
    .insertInto('bus_events')
    .values({
      ...{ id: 'e', source: 's', pattern: 'step.finished', name: '', subject: 'r', time: 0 },
      ...{ data: JSON.stringify(finished), traceparent: trace },
    })
    .execute()
  await db
    .insertInto('bus_deliveries')
    .values({ consumer: 'c', event: 'e', subject: 'r', epoch: 1, failures: 0, due: 0, parked: 0, error: '' })
    .execute()

  await using bus = await embeddedBus({ store, clock: fakeClock(), log: silentLog, source: 'test' })
  const got: unknown[] = []
  bus.work('shazam.steps', async (job) => void got.push(job))
  bus.on('c', ['step.finished'], async ({ data }) => void got.push(data.outputs))
  await until(() => got.length === 2)
  assert.deepEqual(
    got.toSorted((a, b) => JSON.stringify(a).length - JSON.stringify(b).length),
    [{}, stepJob],
  )
  assert.deepEqual(await bus.parked(), [])
})

/**
 * The digests of each payload's schema, a line for each version. A schema that changes without a version would leave
 * rows behind that nobody reads: who changes one adds a step to former.ts, a case above, and its digest here.
 */
test('every queued payload has the shape that its version was given', () => {
  const path = join(import.meta.dirname, '../contracts/payloads.json')
  const known = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string[]>
  const today = Object.entries({ ...events, ...queues } as Record<string, object>)
  const wrong = today.flatMap(([name, schema]) => {
    const digest = digestOf(schema)
    const of = known[name]?.[versionOf(name)]
    return of === digest
      ? []
      : [`${name}: version ${versionOf(name)} is ${of ?? 'not listed'}, and the schema ${digest}`]
  })
  assert.deepEqual(wrong, [], 'docs/checklists/migration.md says what to do')
})

const words = new Set(['description', 'title', 'examples'])

/** Descriptions are no shape. */
const digestOf = (schema: object): string =>
  createHash('sha256')
    .update(
      JSON.stringify(schema, (key, value) =>
        words.has(key) && typeof value === 'string' ? undefined : value,
      ),
    )
    .digest('hex')
    .slice(0, 16)
