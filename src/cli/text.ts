import { stripVTControlCharacters } from 'node:util'

const ESCAPE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * Text of a node or a commit as it may be shown: what moves the cursor, colours or reorders is made visible. Tabs
 * stay, unless `tabs` is false.
 */
export const printable = (text: string, tabs = true): string =>
  text.replace(ESCAPE, (char) => {
    if (char === '\t' && tabs) return char
    const code = char.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const
export type Colour = keyof typeof codes
export type Paint = (colour: Colour, text: string) => string

export const painter =
  (colours: boolean): Paint =>
  (colour, text) =>
    colours && text !== '' ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text

/** Columns that a text takes on a terminal. */
export const widthOf = (text: string) => [...stripVTControlCharacters(text)].length

/** `key: value` lines, the values aligned. */
export function facts(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([key]) => key.length)) + 1
  return rows.map(([key, value]) => lineOf([`${key}:`, value], [width])).join('')
}

/** Cells side by side, each as wide as its column. */
export const lineOf = (cells: readonly string[], widths: readonly number[]) =>
  `${cells
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
    .join('  ')
    .trimEnd()}\n`

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const

/** `3 min ago` */
export function ago(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return '-'
  const [size, unit] = units.find(([ms]) => now - at >= ms) ?? [1000, 's']
  return now - at < 1000 ? 'now' : `${Math.floor((now - at) / size)} ${unit} ago`
}

/** `850 ms`, `3.2 s`, `2 min 5 s` */
export function lasted(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** `512 MiB`, `7.8 GiB` */
export function bytes(size: number): string {
  const names = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(Math.max(size, 1)) / 10), names.length - 1)
  const value = size / 1024 ** power
  return `${value < 10 && power > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${names[power]}`
}

export const clockTime = (at: number): string => new Date(at).toTimeString().slice(0, 8)

/** `1 node`, `2 nodes` */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

export const shortCommit = (commit: string | null | undefined): string => commit?.slice(0, 7) ?? '-'
