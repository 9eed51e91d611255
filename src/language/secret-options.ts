import type { Option } from '#contracts/descriptors.ts'
import { isTree } from './fields.ts'

/** Shorter ones would turn every other word of a diff into stars. */
const SHORTEST = 4

/** What stands in options that are marked `secret`. */
export function markedTexts(options: Readonly<Record<string, Option>>, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => markedTexts(options, item))
  if (!isTree(value)) return []
  return Object.entries(options).flatMap(([name, option]) => {
    if (!Object.hasOwn(value, name)) return []
    if (option.secret) return textsIn(value[name])
    return option.options ? markedTexts(option.options, value[name]) : []
  })
}

/** Every text and number of a tree. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number') return [String(value)]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}

/** What can be hidden in other text, each once, the longest first. */
export const hideable = (texts: Iterable<string>): string[] =>
  [...new Set(texts)]
    .filter((text) => text.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1))
