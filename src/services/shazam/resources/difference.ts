import { createTwoFilesPatch, OMIT_HEADERS } from 'diff'

const LONGEST = 64 * 1024

/** A unified diff of a text file, its hunks alone; undefined when nothing differs or it is no text. */
export function unified(path: string, before: string, after: string): string | undefined {
  if (before === after || before.includes('\0') || after.includes('\0')) return undefined
  const options = { context: 3, headerOptions: OMIT_HEADERS }
  const text = createTwoFilesPatch(path, path, before, after, undefined, undefined, options)
  return text.length > LONGEST
    ? `${text.slice(0, LONGEST)}\n… (${text.length - LONGEST} more characters)\n`
    : text
}
