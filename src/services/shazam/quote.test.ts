import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { quote } from './quote.ts'

/** Bytes in, bytes out: latin1 keeps each byte one character. */
function through(shell: string[], words: string[]): string[] {
  const script = Buffer.from(`for word in ${quote(words)}; do printf '%s\\0' "$word"; done`, 'latin1')
  const { stdout, status, stderr } = spawnSync(shell[0] ?? '', shell.slice(1), { input: script })
  assert.equal(status, 0, stderr.toString())
  return stdout.toString('latin1').split('\0').slice(0, -1)
}

const bytes = fc
  .uint8Array({ min: 1, max: 255, maxLength: 40 })
  .map((raw) => Buffer.from(raw).toString('latin1'))
const nasty = fc.stringMatching(/^[ '"\\$`;&|<>(){}*?[\]!#~=\n\t-]{0,20}$/)

/** The shells that nodes have as sh; busybox where this machine has it, and in survival.test.ts always. */
const shells = [['dash'], ['bash'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([name = '']) => !spawnSync(name, ['--help']).error,
)
const runs = Number(process.env.DEVOPS_PROPERTY_RUNS ?? 150)

for (const shell of shells)
  test(`whatever bytes a list of words has, ${shell.join(' ')} sees exactly these words`, () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, nasty), { minLength: 1, maxLength: 30 }), (words) => {
        assert.deepEqual(through(shell, words), words)
      }),
      { numRuns: runs },
    )
  })

test('dash and bash are there to be asked', () => assert.ok(shells.length >= 3))

test('a quoted first word is never a keyword or an assignment', () => {
  for (const word of ['if', 'for', 'a=b', '!', '{'])
    assert.equal(spawnSync('sh', { input: quote([word]) }).status, 127, word)
})

test('a NUL is refused', () => assert.throws(() => quote('a\0b'), /NUL/))
