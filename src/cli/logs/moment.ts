import { wrongUsage } from '../failure.ts'

const units = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** A point in time: `15m`, `2h`, `3d` ago, or a date as `2026-01-31` or `2026-01-31T12:00` (local, unless it says). */
export function moment(text: string, now: number, option: string): number {
  const [, number, unit] = /^(\d{1,9})(s|m|min|h|d|w)$/.exec(text) ?? []
  if (number !== undefined) return Math.max(0, now - Number(number) * units[unit as keyof typeof units])
  // A date alone is taken for midnight in UTC by the language; people mean their own.
  const at = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
  if (/^\d{4}-/.test(text) && at >= 0) return at
  throw wrongUsage(
    `${option} is a time ago such as 15m, 2h or 3d, or a date such as 2026-01-31T12:00, not \`${text}\`.`,
  )
}
