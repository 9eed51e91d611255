import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Frames, LONGEST } from './frames.ts'
import { parseSyslog } from './parse.ts'

describe('frames', () => {
  const counted = (text: string) => `${Buffer.byteLength(text)} ${text}`
  const cut = (text: string, at: readonly number[]) => {
    const bytes = Buffer.from(text)
    const places = [0, ...at.map((i) => i % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    const frames = new Frames()
    return places.slice(1).flatMap((end, i) => frames.push(bytes.subarray(places[i], end)))
  }

  test('messages are the same however their stream is cut', () => {
    const message = fc.string({ unit: 'grapheme', maxLength: 40 })
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat(2000)), (messages, at) => {
        assert.deepEqual(cut(messages.map(counted).join(''), at), messages)
      }),
    )
  })

  test('counted messages and lines may follow one another, and a line feed after a count is passed over', () => {
    assert.deepEqual(cut(`${counted('<13>a\nb')}\n<13>line\n${counted('<13>c')}`, []), [
      '<13>a\nb',
      '<13>line',
      '<13>c',
    ])
  })

  for (const [what, text] of [
    ['a length that is too large', `${LONGEST + 1} x`],
    ['a length without an end', '1234567'],
    ['something else', 'GET / HTTP/1.1'],
    ['a line without an end', `<13>${'x'.repeat(LONGEST)}`],
  ] as const)
    test(`${what} ends the stream`, () => assert.throws(() => cut(text, [])))
})

describe('messages', () => {
  for (const [text, expected] of [
    // The examples of RFC 5424 §6.5.
    [
      "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed on /dev/pts/8",
      { level: 'error', host: 'mymachine.example.com', app: 'su', text: "'su root' failed on /dev/pts/8" },
    ],
    [
      "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
      { level: 'info', host: '192.0.2.1', app: 'myproc', text: "%% It's time to make the do-nuts." },
    ],
    [
      '<165>1 2003-10-11T22:14:15.003Z m evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]',
      {
        level: 'info',
        host: 'm',
        app: 'evntslog',
        text: '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]',
      },
    ],
    [
      '<12>1 - - - - - [a b="\\"\\]"] text',
      { level: 'warn', host: '-', app: '-', text: '[a b="\\"\\]"] text' },
    ],
    ['<14>1 - h a - - -   indented\n', { level: 'info', host: 'h', app: 'a', text: ' indented' }],
    ['<15>1 - h a - - -', { level: 'debug', host: 'h', app: 'a', text: '' }],
    // RFC 3164, and no syslog at all.
    [
      '<11>Oct 11 22:14:15 web su: failed',
      { level: 'error', host: '-', app: '-', text: 'Oct 11 22:14:15 web su: failed' },
    ],
    ['hello', { level: 'info', host: '-', app: '-', text: 'hello' }],
    ['<999>hello', { level: 'info', host: '-', app: '-', text: 'hello' }],
    ['<12>1 - h a - - [open b="', { level: 'warn', host: 'h', app: 'a', text: '[open b="' }],
  ] as const)
    test(`read: ${text}`, () => assert.deepEqual(parseSyslog(text), expected))

  test('a hostile message takes no more than its length in time', () => {
    const text = `<12>1 - h a - - ${'[a b="'.repeat(10_000)}${'\\"'.repeat(10_000)}`
    assert.equal(parseSyslog(text).app, 'a')
  })
})
