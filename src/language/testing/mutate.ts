import fc from 'fast-check'
import type { File } from '../repository.ts'

/** One stroke of a careless or hostile hand; positions are shares of the text, so that they fit any. */
type Stroke =
  | { kind: 'insert'; at: number; text: string }
  | { kind: 'delete'; at: number; length: number }
  | { kind: 'repeat'; at: number; length: number; times: number }
  | { kind: 'swap'; at: number; text: string }
  | { kind: 'splice'; at: number; from: number; part: number }

const pieces = [
  ...[
    '{{ ',
    ' }}',
    '{% ',
    ' %}',
    '{% for x in y %}',
    '{% endfor %}',
    ' | ',
    '..',
    '[0]',
    "['a']",
    '{{ web.ip }}',
  ],
  ...[
    '---\n',
    '...\n',
    '- ',
    '? ',
    ': ',
    ':\n',
    '\n',
    '\n  ',
    '\n    ',
    '\t',
    '#',
    '|\n',
    '>\n',
    '&a ',
    '*a',
    '!!str ',
  ],
  ...[
    '!x ',
    '<<: ',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ',',
    '%YAML 1.2\n',
    '\0',
    '\r',
    '\u2028',
    '\ud800',
    'é',
    '🚀',
  ],
  ...[
    'null',
    'true',
    'no',
    '0',
    '-1',
    '1e999',
    '0x10',
    '.nan',
    '99999999999999999999',
    '2001-01-01',
    '~',
    "''",
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '*',
    '/',
    '../',
    '$(id)',
    '; rm',
    '0 0 31 2 *',
    '* * * * * *',
    '@daily',
  ],
  ...[
    'node.*.create',
    'task.*',
    'task.t.run',
    'devops ',
    'scripts/',
    'secrets.x',
    'passwords.x',
    'payload.a',
    'on: ',
  ],
]

const share = fc.double({ min: 0, max: 1, noNaN: true })
const piece = fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 8 }))
const stroke: fc.Arbitrary<Stroke> = fc.oneof(
  fc.record({ kind: fc.constant('insert' as const), at: share, text: piece }),
  fc.record({ kind: fc.constant('delete' as const), at: share, length: fc.nat(40) }),
  fc.record({ kind: fc.constant('repeat' as const), at: share, length: fc.nat(60), times: fc.nat(200) }),
  fc.record({ kind: fc.constant('swap' as const), at: share, text: piece }),
  fc.record({ kind: fc.constant('splice' as const), at: share, from: share, part: share }),
)

/** A repository of the corpus after some strokes, each on any of its files. */
export function mutated(corpus: readonly File[][]): fc.Arbitrary<File[]> {
  const all = corpus.flat()
  const strokes = fc.array(fc.record({ file: share, stroke }), { minLength: 1, maxLength: 6 })
  return fc.record({ which: fc.nat(corpus.length - 1), strokes }).map(({ which, strokes }) => {
    const files = (corpus[which] ?? []).map((file) => ({ ...file }))
    for (const { file, stroke } of strokes) {
      const target = pick(files, file)
      if (target) target.content = apply(target.content, stroke, all)
    }
    return files
  })
}

/** A word as people write it: what stands between blanks. */
const word = /[^\s,]+/g

function apply(text: string, stroke: Stroke, all: readonly File[]): string {
  const at = Math.floor(stroke.at * text.length)
  switch (stroke.kind) {
    case 'insert':
      return text.slice(0, at) + stroke.text + text.slice(at)
    case 'delete':
      return text.slice(0, at) + text.slice(at + stroke.length)
    case 'repeat':
      return text.slice(0, at) + text.slice(at, at + stroke.length).repeat(stroke.times) + text.slice(at)
    case 'swap': {
      word.lastIndex = at
      const found = word.exec(text)
      return found ? text.slice(0, found.index) + stroke.text + text.slice(word.lastIndex) : text
    }
    case 'splice': {
      const other = pick(all, stroke.from)?.content ?? ''
      const from = Math.floor(stroke.part * other.length)
      return text.slice(0, at) + other.slice(from, from + 400) + text.slice(at)
    }
  }
}

const pick = <T>(items: readonly T[], at: number): T | undefined =>
  items[Math.min(items.length - 1, Math.floor(at * items.length))]
