import { Cron } from 'croner'

/** When a crontab line comes, in milliseconds since 1970. */
export interface Calendar {
  /** The first slot after a moment; null: there is none. */
  next(after: number): number | null
  /** At most `count` slots up to a moment, oldest first. */
  previous(count: number, until: number): number[]
}

const HOUR = 3_600_000
/** No clock is set by more than this, so an hour that comes twice begins no earlier. */
const LONGEST_SHIFT = 3 * HOUR

export function calendarOf(cron: string, timezone: string): Calendar {
  const open = (zone: string) => new Cron(cron, { mode: '5-part', paused: true, timezone: zone })
  return namesHours(cron) ? wallCalendar(open('UTC'), timezone) : elapsedCalendar(open(timezone))
}

/** A line of every hour: it follows elapsed time, so a clock change neither adds nor drops a slot. */
function elapsedCalendar(line: Cron): Calendar {
  return {
    next: (after) => line.nextRun(new Date(after))?.getTime() ?? null,
    previous: (count, until) =>
      line
        .previousRuns(count, new Date(until + 1))
        .map((slot) => slot.getTime())
        .reverse(),
  }
}

/**
 * A line that names hours follows the clock on the wall: a time that a day does not have comes at the end of the gap, one
 * that a day has twice in the first of the two. `line` is read as if the wall clock were UTC.
 */
function wallCalendar(line: Cron, timezone: string): Calendar {
  return {
    next(after) {
      let wall = line.nextRun(new Date(wallOf(after, timezone) - LONGEST_SHIFT))
      for (; wall; wall = line.nextRun(wall)) {
        const slot = momentOf(wall.getTime(), timezone)
        if (slot > after) return slot
      }
      return null
    },
    previous(count, until) {
      const last = wallOf(until, timezone) + LONGEST_SHIFT
      const walls = line.previousRuns(count + Math.ceil(LONGEST_SHIFT / 60_000) * 2, new Date(last + 1))
      const slots = new Set(walls.map((wall) => momentOf(wall.getTime(), timezone)).reverse())
      return [...slots].filter((slot) => slot <= until).slice(-count)
    },
  }
}

/** Whether the hour field leaves hours out; `*`, `0-23` and `*\/1` do not. */
function namesHours(cron: string): boolean {
  if (cron.startsWith('@')) return cron.toLowerCase() !== '@hourly'
  const hour = cron.trim().split(/\s+/)[1] ?? '*'
  const day = new Cron(`0 ${hour} * * *`, { mode: '5-part', paused: true, timezone: 'UTC' })
  const [first, ...rest] = day.nextRuns(24, new Date('2026-01-01T00:30:00Z'))
  return (rest.at(-1)?.getTime() ?? 0) - (first?.getTime() ?? 0) !== 23 * HOUR
}

/** What a clock on the wall shows at a moment, as if it were UTC. */
function wallOf(moment: number, timezone: string): number {
  const { offsetNanoseconds } = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(timezone)
  return moment + offsetNanoseconds / 1_000_000
}

function momentOf(wall: number, timezone: string): number {
  const shown = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime()
  const at = shown.toZonedDateTime(timezone, { disambiguation: 'earlier' })
  if (at.toPlainDateTime().equals(shown)) return at.epochMilliseconds
  return at.getTimeZoneTransition('next')?.epochMilliseconds ?? at.epochMilliseconds
}
