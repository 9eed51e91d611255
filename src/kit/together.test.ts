import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { together } from './together.ts'

interface Question {
  items: readonly string[]
  answer: PromiseWithResolvers<string>
}

function desk() {
  const questions: Question[] = []
  const ask = together(
    (item: string) => item.split('/', 1)[0] ?? '',
    (items) => {
      const answer = Promise.withResolvers<string>()
      questions.push({ items, answer })
      return answer.promise
    },
  )
  return { questions, ask }
}

test('who asks in the same turn shares an answer, each key its own', async () => {
  const { questions, ask } = desk()
  const asked = [ask('shop/web'), ask('shop/db'), ask('blog/web')]
  await setImmediate()
  assert.deepEqual(
    questions.map(({ items }) => items),
    [['shop/web', 'shop/db'], ['blog/web']],
  )
  questions[0]?.answer.resolve('one')
  questions[1]?.answer.resolve('two')
  assert.deepEqual(await Promise.all(asked), ['one', 'one', 'two'])
})

test('who comes while a question is on its way gets no answer of before, and shares the next', async () => {
  const { questions, ask } = desk()
  const first = ask('shop/web')
  await setImmediate()
  const later = [ask('shop/db'), ask('shop/cache')]
  await setImmediate()
  assert.equal(questions.length, 1)
  questions[0]?.answer.resolve('old')
  assert.equal(await first, 'old')
  await setImmediate()
  assert.deepEqual(questions[1]?.items, ['shop/db', 'shop/cache'])
  questions[1]?.answer.resolve('new')
  assert.deepEqual(await Promise.all(later), ['new', 'new'])
})

test('a failure is told to all who shared the question, and to nobody after', async () => {
  const { questions, ask } = desk()
  const failed = Promise.allSettled([ask('shop/web'), ask('shop/db')])
  await setImmediate()
  const next = ask('shop/web')
  questions[0]?.answer.reject(new Error('away'))
  assert.deepEqual(
    (await failed).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await setImmediate()
  questions[1]?.answer.resolve('there')
  assert.equal(await next, 'there')
})
