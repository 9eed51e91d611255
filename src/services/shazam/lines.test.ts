import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineSplitter, MarkedOutput } from './lines.ts'

const chunksOf = (bytes: Buffer, cuts: number[]): Buffer[] => {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...places].map((start, at) => bytes.subarray(start, places[at] ?? bytes.length))
}

function split(chunks: Buffer[]): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter((text) => lines.push(text))
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

test('the borders of chunks make no difference to the lines', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ''))
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), fc.array(fc.nat()), (lines, cuts) => {
      const bytes = Buffer.from(`${lines.join('\n')}\n`)
      assert.deepEqual(split(chunksOf(bytes, cuts)), bytes.toString().split('\n').slice(0, -1))
    }),
  )
})

test('a line without end is handed out in pieces, no character torn', () => {
  const text = 'é'.repeat(100_000)
  const lines = split(chunksOf(Buffer.from(`x${text}`), [7, 65_537, 131_073]))
  assert.equal(lines.join(''), `x${text}`)
  assert.ok(lines.every((line) => Buffer.byteLength(line) <= 65_536))
})

test('bytes that are no UTF-8 are shown as such and break nothing', () => {
  assert.deepEqual(split([Buffer.from([0xff, 0x41, 0x0a, 0xc3]), Buffer.from([0x0a])]), ['\ufffdA', '\ufffd'])
})

test('marks are found between output, whether or not it ends with a newline', () => {
  const told: string[] = []
  const output = new MarkedOutput(
    'n0',
    (text) => told.push(`line ${text}`),
    (words) => told.push(`mark ${words.join(' ')}`),
  )
  const bytes = Buffer.from(
    '\n\u001en0 start 1\na\n\nb\n\n\n\u001en0 end 1 0\n\n\u001en0 start 2\nc\n\u001en0 end 2 0\n',
  )
  for (const byte of bytes) output.push(Buffer.from([byte]))
  output.end()
  assert.deepEqual(told, [
    'mark start 1',
    'line a',
    'line ',
    'line b',
    'line ',
    'mark end 1 0',
    'mark start 2',
    'line c',
    'mark end 2 0',
  ])
})

test('output that looks like a mark of another run is output', () => {
  const told: string[] = []
  const output = new MarkedOutput(
    'n0',
    (text) => told.push(text),
    () => assert.fail('no mark'),
  )
  output.push(Buffer.from('\u001en1 end 1 0\nn0 end 1 0\n'))
  assert.equal(told.length, 2)
})
