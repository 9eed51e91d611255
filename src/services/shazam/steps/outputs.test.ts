import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOutputs } from './outputs.ts'

for (const [what, text, expected] of [
  ['nothing', '', {}],
  ['lines, the last of a key', 'A=1\nB=x=y\nA=2\n', { A: '2', B: 'x=y' }],
  ['an empty value and spaces', 'A=\nB= b \n', { A: '', B: ' b ' }],
  ['several lines', 'A<<END\none\n\ntwo=2\nEND\nB=1', { A: 'one\n\ntwo=2', B: '1' }],
  ['several lines without an end, which are none', 'A<<END\nB=1', { B: '1' }],
  ['what is no key', 'hello\n1=2\nA-B=3\n=4\n__proto__=5', { ['__proto__' as string]: '5' }],
  ['line ends of another system', 'A=1\r\nB<<E\r\nx\r\nE\r\n', { A: '1', B: 'x\r' }],
] as const)
  test(`outputs: ${what}`, () => {
    assert.deepEqual(
      Object.entries(parseOutputs(text)),
      Object.entries(what === 'what is no key' ? JSON.parse('{"__proto__":"5"}') : expected),
    )
  })
