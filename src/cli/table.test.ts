import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from './table.ts'
import { painter } from './text.ts'

const headings = ['node', 'state', 'reason']
const rows = [
  ['web', 'synced', ''],
  ['db-primary', 'failed', 'the package postgresql-15 could not be installed: no space left on device'],
]

test('a table that fits, or goes to no terminal, has a line a row', () => {
  const whole = [
    'NODE        STATE   REASON',
    'web         synced',
    'db-primary  failed  the package postgresql-15 could not be installed: no space left on device',
    '',
  ].join('\n')
  assert.equal(table(headings, rows), whole)
  assert.equal(table(headings, rows, 93), whole)
  assert.notEqual(table(headings, rows, 92), whole)
})

test('the last column wraps within its own', () => {
  assert.equal(
    table(headings, rows, 50),
    [
      'NODE        STATE   REASON',
      'web         synced',
      'db-primary  failed  the package postgresql-15',
      '                    could not be installed: no',
      '                    space left on device',
      '',
    ].join('\n'),
  )
})

test('without room for the last column, each row is a block of lines that say what they are', () => {
  assert.equal(
    table(headings, rows, 39),
    [
      'node:    web',
      'state:   synced',
      'reason:  -',
      '',
      'node:    db-primary',
      'state:   failed',
      'reason:  the package postgresql-15 could not be installed: no space left on device',
      '',
    ].join('\n'),
  )
  assert.match(table(headings, rows, 40), /^NODE/)
})

test('a word that is longer than the room stays whole', () => {
  const address = `https://example.com/${'a'.repeat(40)}`
  for (const width of [20, 30, 60])
    assert.ok(table(['id', 'address'], [['1', `see ${address} now`]], width).includes(address))
})

test('colours take no columns', () => {
  const paint = painter(true)
  const cells = (text: string) => [['web', paint('green', 'synced'), text]]
  const text = table(headings, cells('all is well'), 25)
  assert.equal(text.split('\n').length, 3)
  assert.ok(text.includes('\x1b[32msynced\x1b[0m  all is well'))
})
