import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProgram, prints, readsProgram } from './shell-commands.ts'
import { isBare } from './shell-frames.ts'

test('a value stands bare only when it means itself wherever it stands', () => {
  for (const value of [
    'a',
    'A9',
    'a_b',
    './a',
    '/usr/bin/a',
    'a:b',
    'a@b',
    '50%',
    'a+b',
    '-x',
    '1.5',
    'done1',
    'ifs',
  ])
    assert.equal(isBare(value), true, value)
  for (const value of [
    '',
    'a b',
    'a\n',
    '\na',
    'a;b',
    '$a',
    '`a`',
    "'",
    '"',
    'a=b',
    '~',
    '*',
    '?',
    '!',
    '#',
    'ä',
    'a,b',
  ])
    assert.equal(isBare(value), false, JSON.stringify(value))
})

test('a value that goes up a folder, or spans a range, is never bare', () => {
  for (const value of ['..', '../a', 'a/../b', '/..', 'a..b', '1..9', '...'])
    assert.equal(isBare(value), false, value)
  for (const value of ['.', './a', 'a.b.c', '/.', 'a./.b']) assert.equal(isBare(value), true, value)
})

test('a word that the shell reserves is never bare', () => {
  for (const word of 'if then else elif fi for while until do done case esac in function select time coproc'.split(
    ' ',
  )) {
    assert.equal(isBare(word), false, word)
    assert.equal(isBare(`${word}x`), true, word)
  }
})

test('assignments before a command are no part of its name, whatever they are called', () => {
  for (const before of [[], ['X=1'], ['_x=1', 'Y2='], ['LIST+=a'], ['X=a=b']]) {
    assert.equal(isProgram([...before, 'sh', '-c'], ''), true, before.join(' '))
    assert.equal(isProgram([...before, 'echo', 'sh', '-c'], ''), false, before.join(' '))
    assert.equal(prints([...before, 'printf', '%s']), true, before.join(' '))
    assert.equal(prints([...before, 'cat']), false, before.join(' '))
    assert.equal(readsProgram([...before, 'sh']), true, before.join(' '))
    assert.equal(readsProgram([...before, 'echo', 'sh']), false, before.join(' '))
  }
})

test('what only looks like an assignment is the name of the command', () => {
  for (const name of ['1X=1', '-X=1', 'a-b=1', '=1', './X=1', 'X'])
    assert.equal(prints([name, 'echo']), false, name)
  assert.equal(prints(['echo', 'X=1']), true)
})

test('only assignments are no command at all', () => {
  for (const words of [[], ['X=1'], ['X=1', 'Y+=2']]) {
    assert.equal(isProgram(words, ''), false)
    assert.equal(prints(words), false)
    assert.equal(readsProgram(words), false)
  }
})
