import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { quote } from './quote.ts'
import { echoing, printed, words } from './testing/words.ts'

function through(shell: string[], list: string[]): string[] {
  const { stdout, status, stderr } = spawnSync(shell[0] ?? '', shell.slice(1), { input: echoing(list) })
  assert.equal(status, 0, stderr.toString())
  return printed(stdout)
}

/** The shells that nodes have as sh; busybox where this machine has it, and in survival.test.ts always. */
const shells = [['dash'], ['bash'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([name = '']) => !spawnSync(name, ['--help']).error,
)
const runs = Number(process.env.DEVOPS_PROPERTY_RUNS ?? 150)

for (const shell of shells)
  test(`whatever bytes a list of words has, ${shell.join(' ')} sees exactly these words`, () => {
    fc.assert(
      fc.property(words, (list) => {
        assert.deepEqual(through(shell, list), list)
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
