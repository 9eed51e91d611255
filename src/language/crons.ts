import { Cron } from 'croner'

/** A fixed day, so that a line is judged the same today and in a year. */
const reference = new Date('2026-01-01T00:00:00Z')
const judged = new Map<string, string | undefined>()

/** What each of the five fields takes, in the order of a line. */
const fields = [
  { name: 'minute', takes: '0-59' },
  { name: 'hour', takes: '0-23' },
  { name: 'day', takes: '1-31, L (the last day) or 15W (the working day nearest to the 15th)' },
  { name: 'month', takes: '1-12 or jan-dec' },
  {
    name: 'weekday',
    takes: '0-7 or sun-sat (0 and 7 are Sunday), 5L (the last Friday) or 1#2 (the second Monday)',
  },
] as const

const nicknames = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']

/** Why a crontab line is refused; undefined when it is good. */
export function cronTrouble(line: string): string | undefined {
  if (judged.has(line)) return judged.get(line)
  const trouble = judge(line)
  if (judged.size > 2000) judged.clear()
  judged.set(line, trouble)
  return trouble
}

function judge(line: string): string | undefined {
  if (line.length > 200) return 'is too long for a crontab line'
  const written = line.trim().split(/\s+/)
  if (line.startsWith('@')) {
    if (!nicknames.includes(line.toLowerCase()))
      return `must be one of ${nicknames.join(', ')}, got "${line}"`
  } else if (written.length !== fields.length)
    return `must have 5 fields, minute hour day month weekday, got ${written.length} in "${line}"`
  const next = nextOf(line)
  if (next === null) return `never comes: there is no such day, got "${line}"`
  return next === undefined ? (fieldTrouble(written) ?? `is not a crontab line, got "${line}"`) : undefined
}

/** Each item of each field by itself, so that the message names what was written. */
function fieldTrouble(written: readonly string[]): string | undefined {
  for (const [at, { name, takes }] of fields.entries()) {
    for (const item of (written[at] ?? '').split(',')) {
      const alone = fields.map((_, i) => (i === at ? item : '*')).join(' ')
      if (nextOf(alone) === undefined) return `${name} "${item}" is not valid${hint(item)}: use ${takes}`
    }
  }
}

function hint(item: string): string {
  const stepped = /^(\d+)\/(\d+)$/.exec(item)
  if (stepped) return ` (a step needs a range: "${stepped[1]}-59/${stepped[2]}", or "*/${stepped[2]}")`
  const range = /^(\d+)-(\d+)/.exec(item)
  return range && Number(range[1]) > Number(range[2]) ? ' (it ends before it begins)' : ''
}

/** Null: never; undefined: it cannot be read. */
function nextOf(line: string): Date | null | undefined {
  try {
    return new Cron(line, { mode: '5-part', paused: true, timezone: 'UTC' }).nextRun(reference)
  } catch {
    return undefined
  }
}
