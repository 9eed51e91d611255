import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddedBus } from '#bus/embedded.ts'
import type { AuditRecord } from '#contracts/audit.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { openSqlite } from '#store/sqlite.ts'
import { failureOf } from './failures.ts'
import { emptyGraph, type Graph } from './graph.ts'
import { recordSecretUse } from './secret-use.ts'

const job = {
  repo: 'ann/shop',
  node: 'web',
  work: 'w1',
  commit: null,
  attempt: 1,
  goal: 'converge' as const,
  agreed: false,
}
const withText = (content: string, more: Partial<Graph> = {}): Graph => ({
  ...emptyGraph('web'),
  lines: { 'nginx.version': content },
  secrets: ['hush-hush'],
  ...more,
})

async function attempt(graph: Graph, broken = false) {
  const store = openSqlite(':memory:')
  const bus = await embeddedBus({ store, clock: systemClock, log: silentLog, source: 'test' })
  const records: AuditRecord[] = []
  bus.answer('profiles.record_audit', async (record) => {
    if (broken) throw new Problem('unaudited', { reason: 'the disk is full' })
    return { seq: records.push(record) }
  })
  try {
    await recordSecretUse({ bus }, job, graph)
    return records
  } finally {
    await bus[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
}

test('a sync whose secrets cannot be recorded gets none, and is tried again', async () => {
  const named = withText('x', { uses: ['secrets.db', 'web.ip'] })
  for (const graph of [named, withText('by a variable: hush-hush')])
    await assert.rejects(attempt(graph, true), (error) => {
      assert.ok(isProblem(error, 'unaudited'))
      assert.equal(failureOf(error).retry, true)
      return true
    })
})

test('a sync records which secrets its node gets, and for which work', async () => {
  const [record] = await attempt(withText('x', { uses: ['secrets.db', 'passwords.root', 'web.ip'] }))
  assert.deepEqual(record?.details, { secrets: ['secrets.db', 'passwords.root'], node: 'web', commit: null })
  assert.deepEqual([record?.action, record?.cause, record?.repo], ['secret.use', 'work w1', 'ann/shop'])
})

test('a sync without secrets asks nothing of the audit', async () => {
  assert.deepEqual(await attempt(withText('innocent'), true), [])
})
