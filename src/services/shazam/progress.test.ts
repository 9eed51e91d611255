import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { fakeClock } from '#testing/clock.ts'
import { until } from '#testing/until.ts'
import type { Effort } from './nodes.ts'
import { openReporter } from './progress.ts'

type Told = { work: string; attempt: number; progress: { at: number; since: number } }

function start(answer: () => Promise<unknown> = async () => ({})) {
  const clock = fakeClock()
  const told: Told[] = []
  const ask = async (_: string, input: Told) => {
    told.push(input)
    await answer()
  }
  const effort = {
    shazam: { bus: { ask }, clock, log: silentLog },
    job: { repo: 'a/b', work: 'w', attempt: 2 },
  }
  const reporter = openReporter(effort as unknown as Effort)
  const report = (at: number) => reporter.report({ at, of: 9, resource: `file:/${at}` })
  return { clock, told, reporter, report, seen: () => told.map(({ progress }) => progress.at) }
}

test('what comes within a second is told once, and the last of it is never lost', async () => {
  const { clock, report, seen, told, reporter } = start()
  for (const at of [1, 2, 3]) report(at)
  await until(() => seen().length === 1)
  report(4)
  await clock.advance(1000)
  await until(() => seen().length === 2)
  assert.deepEqual(seen(), [1, 4])
  assert.deepEqual([told[0]?.work, told[0]?.attempt], ['w', 2])
  reporter[Symbol.dispose]()
})

test('a report that fails ends nothing: the next one is told', async () => {
  let broken = true
  const { clock, report, seen, reporter } = start(async () => {
    if (broken) throw new Error('nobody answers')
  })
  report(1)
  await until(() => seen().length === 1)
  broken = false
  report(2)
  await clock.advance(1000)
  await until(() => seen().at(-1) === 2)
  reporter[Symbol.dispose]()
})

test('after its end nothing is told', async () => {
  const { clock, report, seen, reporter } = start()
  report(1)
  await until(() => seen().length === 1)
  report(2)
  reporter[Symbol.dispose]()
  await clock.advance(5000)
  assert.deepEqual(seen(), [1])
})
