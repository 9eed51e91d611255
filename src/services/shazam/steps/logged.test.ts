import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bus } from '#bus'
import type { Line } from '#contracts/logger.ts'
import { countLogged, startLine } from './logged.ts'

const job = { repo: 'ann/shop', run: 'r', task: 't', step: 0, node: 'web', attempt: 2 }
const first = { ...job, attempt: 1 }

/** A logger that holds these lines. */
const holding = (...lines: [Line['stream'], string][]): Bus =>
  ({
    ask: async () => ({ lines: lines.map(([stream, text], i) => ({ seq: i + 1, stream, text })), last: 0 }),
  }) as unknown as Bus

test('lines of an earlier attempt are not taken for lines of this one', async () => {
  const bus = holding(['platform', startLine(first)], ['stdout', 'a'], ['stderr', 'b'])
  assert.deepEqual(await countLogged(bus, job), { stdout: 0, stderr: 0, started: false })
})

test('lines behind the start of this attempt are counted by their stream', async () => {
  const bus = holding(
    ...(
      [
        ['platform', startLine(first)],
        ['stdout', 'a'],
        ['platform', startLine(job)],
      ] as const
    ).map(([stream, text]): [Line['stream'], string] => [stream, text]),
    ['stdout', 'a'],
    ['stdout', 'b'],
    ['stderr', 'c'],
    ['platform', 'a word of ours'],
  )
  assert.deepEqual(await countLogged(bus, job), { stdout: 2, stderr: 1, started: true })
})
