import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from './statuses.ts'

type Case = [
  kind: 'sync' | 'destroy',
  state: Parameters<typeof statusOf>[0]['state'],
  synced: string | null,
  is: string,
]

const cases: Case[] = [
  ['sync', 'waiting', null, 'waiting'],
  ['sync', 'running', null, 'syncing'],
  ['sync', 'succeeded', 'c', 'synced'],
  ['sync', 'failed', 'c', 'out of sync'],
  ['sync', 'failed', null, 'out of sync'],
  ['sync', 'cancelled', 'c', 'out of sync'],
  ['sync', 'cancelled', null, 'new'],
  ['destroy', 'waiting', 'c', 'destroying'],
  ['destroy', 'running', 'c', 'destroying'],
  ['destroy', 'failed', 'c', 'out of sync'],
]

for (const [kind, state, synced, is] of cases) {
  const before = synced === null ? 'was never synced' : 'was synced before'
  test(`a node whose ${kind} is ${state}, and that ${before}, is ${is}`, () => {
    assert.equal(statusOf({ kind, state }, synced), is)
  })
}
