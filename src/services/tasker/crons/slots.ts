import type { Cron as Written } from '#contracts/descriptors.ts'
import { type Calendar, calendarOf } from './calendar.ts'

export interface Line {
  cron: string
  timezone: string
  missed: 'skip' | 'once' | 'all'
}

/** What a descriptor leaves out. */
export const lineOf = (written: Written): Line => ({
  timezone: 'UTC',
  missed: 'skip',
  ...(typeof written === 'string' ? { cron: written } : written),
})

/** A slot that is so late, in milliseconds, was not missed: a restart takes its time. */
export const GRACE = 2 * 60_000
/** Slots that `all` makes up for; the newest ones. */
export const MOST_MADE_UP = 24
/** Slots that are counted; however many have come, no more are looked at. */
export const MOST_COUNTED = 100

const calendars = new Map<string, Calendar>()

function calendar({ cron, timezone }: Pick<Line, 'cron' | 'timezone'>): Calendar {
  const key = `${timezone} ${cron}`
  const known = calendars.get(key)
  if (known) return known
  if (calendars.size > 2000) calendars.clear()
  const made = calendarOf(cron, timezone)
  calendars.set(key, made)
  return made
}

/** The first slot after a moment; null: there is none. */
export const nextSlot = (line: Pick<Line, 'cron' | 'timezone'>, after: number): number | null =>
  calendar(line).next(after)

export interface Due {
  /** Slots that get a run each, oldest first. */
  runs: number[]
  /** Slots that get none; of those that were counted. */
  left: number
  /** Whether there are more than were counted. */
  more: boolean
}

/** What is to be done now about the slots from `first`, which has come, until now. */
export function dueSlots(line: Line, first: number, now: number): Due {
  const { slots, more } = slotsIn(line, first, now)
  const latest = slots.at(-1) ?? first
  if (line.missed === 'all') {
    const runs = slots.slice(-MOST_MADE_UP)
    return { runs, left: slots.length - runs.length, more }
  }
  const isWanted = line.missed === 'once' || now - latest <= GRACE
  return { runs: isWanted ? [latest] : [], left: slots.length - (isWanted ? 1 : 0), more }
}

/** The newest of them when there are too many to count: a minutely line has 11,520 in eight days. */
function slotsIn(line: Line, first: number, now: number): { slots: number[]; more: boolean } {
  const slots = [first]
  for (let slot = nextSlot(line, first); slot !== null && slot <= now; slot = nextSlot(line, slot)) {
    slots.push(slot)
    if (slots.length > MOST_COUNTED) return { slots: calendar(line).previous(MOST_COUNTED, now), more: true }
  }
  return { slots, more: false }
}
