import { facts, lineOf, widthOf } from './text.ts'

/** Columns between two columns. */
const GAP = 2
/** Fewer columns than these are too few to wrap the last column in. */
const ROOM = 20

/**
 * Aligned columns, two spaces apart, headings in capitals. Cells may be painted. Where the table is wider than `width`
 * columns of a terminal, the last column wraps within its own; where it has no room for that, each row becomes a block of
 * `heading: value` lines.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const all = [headings.map((heading) => heading.toUpperCase()), ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + GAP, 0)
  if (before + (widths.at(-1) ?? 0) <= width) return all.map((row) => lineOf(row, widths)).join('')
  if (width - before < ROOM) return rows.map((row) => block(headings, row)).join('\n')
  return all.flatMap((row) => wrappedRow(row, width - before).map((cells) => lineOf(cells, widths))).join('')
}

const block = (headings: readonly string[], row: readonly string[]): string =>
  facts(headings.map((heading, column) => [heading, row[column] || '-'] as const))

/** A row as the lines that it takes: all but the first have only their last cell. */
function wrappedRow(row: readonly string[], room: number): string[][] {
  const [first = '', ...more] = wrapped(row.at(-1) ?? '', room)
  const others = row.slice(0, -1)
  return [[...others, first], ...more.map((text) => [...others.map(() => ''), text])]
}

/** A word that is longer than `room` stays whole, so that it can be copied. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(longer) > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}
