import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide, type Queued } from './dispatch.ts'

const work = (id: string, nodes: string[], rest: Partial<Queued> = {}): Queued => ({
  id,
  repo: 'ann/site',
  kind: 'sync',
  nodes,
  state: 'waiting',
  run_at: 0,
  ...rest,
})

test('works on different nodes start side by side, works on one node in their order', () => {
  const decision = decide([work('a', ['web']), work('b', ['db']), work('c', ['web'])], 0, 50)
  assert.deepEqual(decision.start, ['a', 'b'])
  assert.deepEqual(decision.blocked.get('c'), { why: 'node', node: 'web', work: 'a' })
})

test('a work that waits reserves its nodes, so that a later one cannot starve it', () => {
  const works = [work('a', ['web'], { state: 'running' }), work('b', ['web', 'db']), work('c', ['db'])]
  const decision = decide(works, 0, 50)
  assert.deepEqual(decision.start, [])
  assert.deepEqual(decision.blocked.get('c'), { why: 'node', node: 'db', work: 'b' })
})

test('a work whose time has not come reserves nothing and tells when to look again', () => {
  const decision = decide([work('a', ['web'], { run_at: 5 }), work('b', ['web'])], 0, 50)
  assert.deepEqual(decision.start, ['b'])
  assert.equal(decision.next_at, 5)
})

test('nodes of the same name in two repositories are two nodes', () => {
  assert.deepEqual(decide([work('a', ['web']), work('b', ['web'], { repo: 'bob/site' })], 0, 50).start, [
    'a',
    'b',
  ])
})

test('no more works run than may', () => {
  const decision = decide(
    [work('a', ['web'], { state: 'running' }), work('b', ['db']), work('c', ['app'])],
    0,
    2,
  )
  assert.deepEqual(decision.start, ['b'])
  assert.deepEqual(decision.blocked.get('c'), { why: 'limit' })
})

const queue = fc.array(
  fc.record({
    nodes: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
    run_at: fc.nat(3),
  }),
  { maxLength: 12 },
)

test('no two works that run share a node, and while nothing runs something due starts', () => {
  fc.assert(
    fc.property(queue, fc.integer({ min: 1, max: 4 }), (wishes, limit) => {
      const works = wishes.map(({ nodes, run_at }, index) => work(String(index), nodes, { run_at }))
      const { start, next_at } = decide(works, 1, limit)
      const nodes = start.flatMap((id) => works[Number(id)]?.nodes ?? [])
      assert.equal(new Set(nodes).size, nodes.length)
      assert.ok(start.length <= limit)
      assert.equal(
        start.length > 0,
        works.some(({ run_at }) => run_at <= 1),
      )
      assert.equal(
        next_at !== null,
        works.some(({ run_at }) => run_at > 1),
      )
    }),
  )
})
