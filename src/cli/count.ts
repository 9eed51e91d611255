import { wrongUsage } from './failure.ts'

/** `--count`, as the API takes it. */
export function countOf(text: string | undefined): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw wrongUsage(`--count is a number from 1 to 1000, not \`${text}\`.`)
  return count
}
