import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewLine } from '#contracts/logger.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { testParts } from '#testing/parts.ts'
import { createAppend } from './append.ts'
import { migrations } from './migrations.ts'
import { Reads } from './reads.ts'
import type { Tables } from './tables.ts'
import { writeIndex } from './text.ts'
import { Traffic } from './traffic.ts'

failOnLeaks()

const repo = 'ann/shop'
const line = (text: string): NewLine => ({ at: 0, repo, stream: 'stdout', level: 'info', text })

const alphabets = 'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ αβγδεζηθικλμνξοπρστυφχψω абвгдежзийклмнопрстуфхцчшщъыьэюя'
/** More letters with capitals than a search folds. */
const many = Array.from({ length: 0x400 }, (_, i) => String.fromCodePoint(0x100 + i)).join('')

interface Told {
  lines: NewLine[]
  found: [text: string, count: number][]
}

const told: Record<string, Told> = {
  'letters beyond A to Z, capitals or not': {
    lines: ['Ärger im ÖL', 'ärger im öl', 'arger im ol', 'ΣΊΣΥΦΟΣ', 'straße'].map(line),
    found: [
      ['ärger', 2],
      ['IM ÖL', 2],
      ['arger', 1],
      ['σίσ', 1],
      ['STRAßE', 1],
    ],
  },
  'what follows a NUL': {
    lines: [line('a\0binary tail'), line('plain tail')],
    found: [
      ['tail', 2],
      ['a\0b', 1],
      ['a\0binary', 1],
      ['y tail', 1],
    ],
  },
  'only what stands there as a whole, not all of its parts apart': {
    lines: [line('abc bcd'), line('abcd')],
    found: [['abcd', 1]],
  },
  'a text of many alphabets': {
    lines: [line(alphabets.toUpperCase()), line(alphabets.slice(1))],
    found: [
      [alphabets, 1],
      [alphabets.slice(1), 2],
      [many.slice(0, 1000), 0],
    ],
  },
  'texts longer than the index looks at': {
    lines: [line(`${'0123456789abcdef'.repeat(10)}x`), line(`${'0123456789abcdef'.repeat(10)}y`)],
    found: [[`${'0123456789abcdef'.repeat(10)}x`, 1]],
  },
}

for (const [what, { lines, found }] of Object.entries(told))
  test(`a search finds ${what}, the same before and after lines are in the index`, async () => {
    await using parts = await testParts()
    await parts.store.migrate(migrations)
    const store = parts.store.as<Tables>()
    const traffic = new Traffic()
    const reads = new Reads(store, traffic)
    await createAppend(store, traffic, () => {}).append(lines)
    const count = async (text: string) => (await reads.find({ repo, text, limit: 10 })).lines.length
    const counts = () => Promise.all(found.map(async ([text]) => [text, await count(text)]))
    assert.deepEqual(await counts(), found)
    await store.transaction(({ db }) => writeIndex(db, 0, lines.length))
    await store.db.updateTable('logger_indexed').set({ last: lines.length }).execute()
    assert.deepEqual(await counts(), found)
  })
