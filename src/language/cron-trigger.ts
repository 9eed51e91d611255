import type { Cron } from '#contracts/descriptors.ts'
import { cronTrouble } from './crons.ts'
import { asText, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import { nearest } from './nearest.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

const keys = new Set(['cron', 'timezone', 'missed'])
const policies = ['skip', 'once', 'all'] as const

/** One item of `triggers.crons`: a line, or a map with one. `timezone`: of all lines that name none. */
export function readCron(
  { value, at }: Found,
  timezone: string | undefined,
  report: Report,
): Cron | undefined {
  const tree = isTree(value) ? value : { cron: value }
  refuseUnknownKeys(tree, keys, at, report)
  const { cron } = tree
  if (typeof cron !== 'string' || cron === '') {
    report(at, `must be a crontab line in quotes, such as '0 5 * * *', got ${show(value)}`)
    return undefined
  }
  const zone = readTimezone(tree, at, report) ?? timezone
  const missed = readMissed(tree, at, report)
  const trouble = cronTrouble(cron)
  if (trouble) report(at, trouble)
  if (trouble) return undefined
  return zone === undefined && !missed
    ? cron
    : { cron, ...(zone !== undefined && { timezone: zone }), ...(missed && { missed }) }
}

/** `Europe/Berlin`; undefined, and reported, when there is no such zone. */
export function readTimezone(tree: Tree, at: At, report: Report): string | undefined {
  const found = field(tree, at, report, 'timezone')
  const zone = asText(found, report)
  if (!found || zone === undefined || isTimezone(zone)) return zone
  const near = nearest(zone, Intl.supportedValuesOf('timeZone'))
  const hint = near === undefined ? 'write one such as Europe/Berlin' : `did you mean ${show(near)}?`
  report(found.at, `unknown time zone ${show(zone)}, ${hint}`)
}

function isTimezone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) instanceof Intl.DateTimeFormat
  } catch {
    return false
  }
}

function readMissed(tree: Tree, at: At, report: Report) {
  const found = field(tree, at, report, 'missed')
  const missed = policies.find((each) => each === found?.value)
  if (found && !missed)
    report(
      found.at,
      typeof found.value === 'string'
        ? unknownName('policy', found.value, policies)
        : `must be skip, once or all, got ${show(found.value)}`,
    )
  return missed
}
