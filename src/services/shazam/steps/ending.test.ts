import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newEnding } from './ending.ts'

/** What `printf` of a shell makes of it. */
const printed = (format: string) => format.replace('\\000', '\0')

for (const output of ['', 'one\ntwo\n', 'ends like a mark \0', '\0\0\0'])
  test(`what the node says after ${JSON.stringify(output)} is told apart wherever the chunks are cut`, () => {
    const { format } = newEnding()
    const size = Buffer.byteLength(output + printed(format))
    for (let cut = 0; cut <= size + 4; cut++) {
      const ending = newEnding()
      const all = Buffer.from(`${output}${printed(ending.format)}ended 0 1 2 3\n`)
      const shown = [all.subarray(0, cut), all.subarray(cut)].map((chunk) => ending.take(chunk).toString())
      assert.equal(shown.join(''), output)
      assert.equal(ending.said(), 'ended 0 1 2 3\n')
    }
  })

test('of a session that was cut before its end nothing is said, and what is surely output is given', () => {
  const ending = newEnding()
  assert.equal(ending.take(Buffer.from('half a li')).toString(), 'half a li')
  assert.equal(ending.take(Buffer.from(printed(ending.format).slice(0, 9))).toString(), '')
  assert.equal(ending.said(), undefined)
  assert.equal(ending.take(Buffer.from('no')).toString(), `${printed(ending.format).slice(0, 9)}no`)
})
