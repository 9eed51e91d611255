import assert from 'node:assert/strict'
import { test } from 'node:test'
import { share } from './dispatch.ts'
import type { Limits, Places } from './places.ts'
import type { Candidate } from './queue.ts'

const MANY: Limits = { runs_at_once: 9, node_works_at_once: 9 }
const NONE: Limits = { runs_at_once: 0, node_works_at_once: 0 }

/** `a1` is the work with seq 1 of repository a, a run; `a1s` a sync. */
const works = (text: string): Candidate[] =>
  text.split(' ').map((work) => ({
    work,
    repo: work[0] ?? '',
    kind: work.endsWith('s') ? 'sync' : 'run',
    seq: Number.parseInt(work.slice(1), 10),
  }))

interface Given {
  limit?: number
  running?: number
  limits?: Record<string, Limits>
  goingOn?: Record<string, Limits>
}

function chosen(text: string, { limit = 99, running = 0, limits = {}, goingOn = {} }: Given = {}): string {
  const places: Places = {
    limit,
    running,
    limitsOf: (repo) => limits[repo] ?? MANY,
    runningOf: (repo) => goingOn[repo] ?? NONE,
  }
  const before = JSON.stringify(goingOn)
  const said = share(works(text), places)
    .map(({ work }) => work)
    .join(' ')
  assert.equal(JSON.stringify(goingOn), before)
  return said
}

test('repositories take turns, and among equals the one whose work came first begins', () => {
  assert.equal(chosen('a1 a2 a3 b4 b5'), 'a1 b4 a2 b5 a3')
  assert.equal(chosen('b4 b5 a1 a2'), 'a1 b4 a2 b5')
  assert.equal(chosen('a3 a4 c1 b2'), 'c1 b2 a3 a4')
})

test('no more start than there are places', () => {
  assert.equal(chosen('a1 a2 a3', { limit: 2 }), 'a1 a2')
  assert.equal(chosen('a1 a2 a3', { limit: 3, running: 2 }), 'a1')
  assert.equal(chosen('a1 a2 a3', { limit: 3, running: 3 }), '')
  assert.equal(chosen('a1', { limit: 2, running: 3 }), '')
})

test('a repository of which fewer works run comes before one whose works came first', () => {
  const goingOn = {
    a: { runs_at_once: 1, node_works_at_once: 1 },
    b: { runs_at_once: 1, node_works_at_once: 0 },
  }
  assert.equal(chosen('a1 a2 b3 b4', { goingOn }), 'b3 a1 b4 a2')
  const syncs = {
    a: { runs_at_once: 0, node_works_at_once: 2 },
    b: { runs_at_once: 1, node_works_at_once: 0 },
  }
  assert.equal(chosen('a1 b2', { goingOn: syncs }), 'b2 a1')
})

test('a repository that runs as many as it may keeps the works of that kind waiting, the other kind goes on', () => {
  const limits = { a: { runs_at_once: 1, node_works_at_once: 9 } }
  assert.equal(chosen('a1 a2 a3s a4 a5s', { limits }), 'a1 a3s a5s')
  const goingOn = { a: { runs_at_once: 1, node_works_at_once: 0 } }
  assert.equal(chosen('a1 a3s', { limits, goingOn }), 'a3s')
  const nodes = { a: { runs_at_once: 9, node_works_at_once: 1 } }
  assert.equal(chosen('a1s a2s a3 a4', { limits: nodes }), 'a1s a3 a4')
  assert.equal(
    chosen('a1s a3', { limits: nodes, goingOn: { a: { runs_at_once: 0, node_works_at_once: 1 } } }),
    'a3',
  )
  assert.equal(
    chosen('a1s a3', { limits: nodes, goingOn: { a: { runs_at_once: 0, node_works_at_once: 2 } } }),
    'a3',
  )
})

test('a repository that may run no more takes no turn from the others', () => {
  const limits = { a: { runs_at_once: 1, node_works_at_once: 1 } }
  assert.equal(chosen('a1 a2 b3 b4', { limits, limit: 3 }), 'a1 b3 b4')
  assert.equal(chosen('b3 a1', { limits, goingOn: { a: { runs_at_once: 1, node_works_at_once: 0 } } }), 'b3')
})
