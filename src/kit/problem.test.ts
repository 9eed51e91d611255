import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ProblemCode, problems } from '#contracts/problems.ts'
import { isProblem, Problem } from './problem.ts'

test('a sentence is filled from the data, and what is missing shows as ?', () => {
  assert.equal(new Problem('forbidden', { user: 'bob', action: 'push' }).message, 'bob may not push')
  assert.equal(new Problem('forbidden', { user: 'bob' }).message, 'bob may not ?')
})

test('a problem has the status and the advice of the table', () => {
  for (const code of Object.keys(problems) as ProblemCode[]) {
    const problem = new Problem(code)
    assert.equal(problem.status, problems[code][0])
    const next: string | object = problems[code][2]
    for (const advice of typeof next === 'string' ? [next] : Object.values(next))
      assert.match(advice, /\.$/, `${code}: the advice is a sentence`)
    if (typeof next === 'string' && !next.includes('{')) assert.equal(problem.next, next)
  }
})

test('the advice is filled from the data as well, and of a provider it is that of the kind', () => {
  assert.equal(new Problem('too_many', { what: 'calls', seconds: 7 }).next, 'Wait 7 s, and try again.')
  const next = (kind: string) => new Problem('provider', { provider: 'p', reason: 'r', kind }).next
  assert.match(next('quota'), /quota raised/)
  assert.match(next('credentials'), /devops credential check/)
  assert.match(next('final'), /Correct the descriptor/)
  assert.match(next('retry'), /tried again/)
})

test('a problem is the same after a journey as JSON', () => {
  const problem = new Problem('deadline', { call: 'git.tree', ms: 100 })
  const copy = Problem.from(JSON.parse(JSON.stringify(problem)))
  assert.ok(isProblem(copy, 'deadline'))
  assert.deepEqual(copy.toJSON(), problem.toJSON())
})

test('whatever is thrown becomes a problem that keeps its cause', () => {
  const bug = new TypeError('x is not a function')
  const problem = Problem.of(bug)
  assert.equal(problem.code, 'internal')
  assert.equal(problem.cause, bug)
  assert.match(problem.message, /x is not a function/)
  assert.match(Problem.of('text').message, /text/)
  assert.equal(Problem.of(problem), problem)
})

test('isProblem tells codes apart', () => {
  assert.equal(isProblem(new Problem('fenced'), 'exists'), false)
  assert.equal(isProblem(new Problem('fenced')), true)
  assert.equal(isProblem(new Error('fenced')), false)
})
