import { createTwoFilesPatch } from 'diff'

const LONGEST = 64 * 1024

/** A unified diff of a text file, without the noise of a header; undefined when nothing differs or it is no text. */
export function unified(path: string, before: string, after: string): string | undefined {
  if (before === after || before.includes('\0') || after.includes('\0')) return undefined
  const patch = createTwoFilesPatch(path, path, before, after, undefined, undefined, { context: 3 })
  const lines = patch.split('\n').filter((line) => !line.startsWith('====='))
  const text = lines.join('\n')
  return text.length > LONGEST
    ? `${text.slice(0, LONGEST)}\n… (${text.length - LONGEST} more characters)\n`
    : text
}
