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
    assert.equal(problem.next, problems[code][2])
    assert.match(problem.next, /\.$/, `${code}: the advice is a sentence`)
  }
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
