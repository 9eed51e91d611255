import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bad, type Check, good, warning } from './check.ts'

const DAY = 24 * 60 * 60_000
const HOW =
  'See "The data folder" in docs/operations.md for how to make one, and keep a copy of master.key apart.'

/** How old the newest file or folder in a folder of backups is. */
export function checkBackups(folder: string | undefined, now: number): Check[] {
  if (folder === undefined)
    return [warning('backups', 'not checked: no backup folder was named', `Name it with --backups. ${HOW}`)]
  const times = readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs)
  if (times.length === 0) return [bad('backups', `there is none in ${folder}`, HOW)]
  const hours = Math.max(0, Math.floor((now - Math.max(...times)) / 3_600_000))
  const says = `the newest of ${times.length} in ${folder} is ${hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`} old`
  return [(hours * 3_600_000 < 2 * DAY ? good : stale)('backups', says)]
}

const stale = (check: string, says: string): Check => warning(check, says, HOW)
