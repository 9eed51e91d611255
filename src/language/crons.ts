import { Cron } from 'croner'

/** A fixed day, so that a line is judged the same today and in a year. */
const reference = new Date('2026-01-01T00:00:00Z')
const judged = new Map<string, string | undefined>()

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
  const fields = line.trim().split(/\s+/).length
  if (fields !== 5 && !line.startsWith('@'))
    return `must have 5 fields, minute hour day month weekday, got ${fields} in "${line}"`
  try {
    const cron = new Cron(line, { mode: '5-part', paused: true, timezone: 'UTC' })
    return cron.nextRun(reference) ? undefined : `never comes: there is no such day, got "${line}"`
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Cron\w*: /, '') : String(error)
    return `is not a crontab line, minute hour day month weekday: ${reason}`
  }
}
