import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewLine } from '#contracts/logger.ts'
import type { Feed } from '../feed.ts'
import { stepOutput } from './output.ts'

function memoryFeed() {
  const lines: { stream: NewLine['stream']; text: string }[] = []
  const feed: Feed = {
    line: (stream, text) => void lines.push({ stream, text }),
    async room() {},
    async flush() {},
    async drop() {},
  }
  const of = (stream: NewLine['stream']) =>
    lines.filter((line) => line.stream === stream).map(({ text }) => text)
  return { feed, of }
}

const MEGABYTE = 1024 * 1024
const none = { stdout: 0, stderr: 0 }
/** 1.5 MiB in lines of 1 KiB. */
const flood = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(1536))

test('beyond its MiB a step is left out, which is said at once and counted at the end; its last output is told all the same', async () => {
  const { feed, of } = memoryFeed()
  const output = stepOutput(feed, none, [], 1)
  await output.take('stdout', flood)
  assert.deepEqual(of('platform'), [
    'this step has printed more than 1 MiB: the rest is left out (setting step_log_megabytes)',
  ])
  await output.take('stdout', Buffer.from('the end'))
  output.end()
  assert.equal(of('stdout').length, 1024)
  assert.equal(of('platform').at(-1), '513 lines (0.5 MiB) of this step were left out')
  assert.ok(output.tail().endsWith('the end'))
})

test('a process that takes a flooding step up again logs what was not logged, and no more', async () => {
  const { feed, of } = memoryFeed()
  const output = stepOutput(feed, { ...none, stdout: 1000 }, [], 1)
  await output.take('stdout', flood)
  output.end()
  assert.equal(of('stdout').length, 24)
})

test('a line of 10 MB without an end, binary and broken UTF-8 are kept in pieces that a line has room for', async () => {
  const { feed, of } = memoryFeed()
  const output = stepOutput(feed, none, [])
  await output.take('stdout', Buffer.alloc(10 * MEGABYTE, 'ä'))
  await output.take('stdout', Buffer.from([10, 0, 0xff, 0xfe, 0xc3, 10, 0xe2, 0x82]))
  output.end()
  const texts = of('stdout')
  const end = texts.slice(-2)
  assert.equal(texts.slice(0, -2).join(''), 'ä'.repeat(5 * MEGABYTE))
  assert.ok(texts.every((text) => Buffer.byteLength(text) <= 16 * 1024))
  assert.deepEqual(end, ['\0\ufffd\ufffd\ufffd', '\ufffd'])
})

test('a secret that is split over chunks is masked in lines and in what the event tells (security 29)', async () => {
  const { feed, of } = memoryFeed()
  const output = stepOutput(feed, none, ['hunter2hunter2'])
  const encoded = Buffer.from('hunter2hunter2').toString('base64')
  for (const chunk of ['pass hunt', 'er2hunt', 'er2 and ', encoded.slice(0, 5), `${encoded.slice(5)}\n`])
    await output.take('stdout', Buffer.from(chunk))
  output.end()
  assert.deepEqual(of('stdout'), ['pass *** and ***I='])
  assert.equal(output.tail(), 'pass *** and ***I=\n')
})
