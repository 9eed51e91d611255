import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCommand } from './command.ts'
import { isRepoId } from './names.ts'

test('the commands that git clients send are understood, quoted or not', () => {
  const expected = { program: 'receive-pack', repo: 'ann/infra' }
  for (const line of [
    "git-receive-pack 'ann/infra.git'",
    "git-receive-pack '/ann/infra.git'",
    "git-receive-pack '/ann/infra'",
    'git-receive-pack "ann/infra.git"',
    'git-receive-pack ann/infra',
    "git receive-pack 'ann/infra'",
  ])
    assert.deepEqual(parseCommand(line), expected, line)
})

test('whatever a client sends, what comes out is one of three programs and a good name', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "'",
      '"',
      '/',
      ' ',
      '..',
      '.git',
      '-',
      '\n',
      '\0',
      '$(id)',
      ';',
      'ann',
      'git-upload-pack ',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const command = parseCommand(`git-upload-pack ${pieces.join('')}`)
      assert.ok(!command || (command.program === 'upload-pack' && isRepoId(command.repo)))
    }),
  )
})
