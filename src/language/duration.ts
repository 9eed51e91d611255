import type { Found } from './fields.ts'
import type { Report } from './source.ts'
import { show } from './text.ts'

const units = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 } as const
const LONGEST = 31_536_000

/** Seconds from `30`, `90s`, `10m`, `2h`, `1d`. */
export function readDuration(found: Found | undefined, report: Report): number | undefined {
  if (!found) return undefined
  const [, number = '', unit = 's'] = /^(\d{1,8})\s*(s|m|min|h|d)?$/.exec(String(found.value)) ?? []
  const seconds = Number(number) * units[unit as keyof typeof units]
  if (number !== '' && seconds >= 1 && seconds <= LONGEST) return seconds
  report(found.at, `must be a time such as 30s, 10m, 2h or 1d, at most 365d, got ${show(found.value)}`)
}
