import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { failOnLeaks } from '#testing/leaks.ts'
import { type Shop, startShop } from '#testing/shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop[Symbol.asyncDispose]())
failOnLeaks()

/** Every command that prints a table. */
const lists = [
  ...['list repos', 'list nodes', 'list tasks', 'list runs', 'list webhooks', 'list crons', 'list users'],
  ...['list offers ssh', 'status', 'var list', 'secret list', 'password list', 'repo list', 'repo settings'],
  ...['collaborator list', 'key list', 'token list', 'credential list', 'audit list', 'user list'],
  ...['webhook deliveries', 'var history size', 'secret history token'],
]
const ofUsers = /^(user|key|token|credential)\b/
const wordsOf = (line: string) => [...(ofUsers.test(line) ? [] : ['--repo', 'ann/shop']), ...line.split(' ')]
/** Words of a text, in any order of lines: what a reader can find in it. */
const wordsIn = (text: string) =>
  new Set(
    stripVTControlCharacters(text)
      .replaceAll(/[:\n]+(\s|$)/g, ' ')
      .toLowerCase()
      .split(/\s+/)
      .filter(Boolean),
  )

for (const line of lists)
  test(`devops ${line} in terminals of 80, 40 and 20 columns loses no word and breaks none`, async () => {
    const piped = await shop.devops(wordsOf(line))
    assert.equal(piped.code, 0, piped.err)
    for (const columns of [80, 40, 20]) {
      const { out, code } = await shop.devops(wordsOf(line), { columns })
      assert.equal(code, 0)
      const missing = [...wordsIn(piped.out)].filter((word) => !wordsIn(out).has(word))
      // Ages go on: `12 s ago`.
      assert.deepEqual(
        missing.filter((word) => !/^\d+$/.test(word)),
        [],
        out,
      )
      for (const row of stripVTControlCharacters(out).split('\n'))
        assert.ok(
          row.length <= columns ||
            !row.trimEnd().slice(0, columns).includes('  ') ||
            /^\S[^:]*: +\S/.test(row) ||
            longWord(row, columns),
          `a row of ${row.length} columns in ${columns}: ${row}`,
        )
    }
  })

/** What makes the row too wide is one word, which is never broken. */
const longWord = (row: string, columns: number) => row.slice(0, row.lastIndexOf(' ')).length < columns
