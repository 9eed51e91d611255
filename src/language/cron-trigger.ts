import { type CronTrigger, missedPolicies } from '#contracts/descriptors.ts'
import { cronTrouble, isZone } from './crons.ts'
import { asText, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import type { Report } from './source.ts'
import { show, unknownName } from './text.ts'

type Written = string | CronTrigger

const keys = new Set(['cron', 'zone', 'missed'])

/** A line alone, or a map that says more. */
export function readCron({ value, at }: Found, before: readonly Written[], report: Report): Written | undefined {
  if (isTree(value)) refuseUnknownKeys(value, keys, at, report)
  const line = isTree(value) ? value.cron : value
  if (typeof line !== 'string' || line === '') {
    report(at, `must be a crontab line in quotes, such as '0 5 * * *', got ${show(value)}`)
    return undefined
  }
  const trouble = cronTrouble(line)
  if (trouble) report(at, trouble)
  const more = isTree(value) ? moreOf({ value, at }, value, report) : {}
  if (trouble || !more) return undefined
  const cron = Object.keys(more).length > 0 ? { cron: line, ...more } : line
  if (before.some((other) => placeOf(other) === placeOf(cron))) report(at, `the line ${show(line)} is written twice`)
  else return cron
}

const placeOf = (cron: Written): string =>
  typeof cron === 'string' ? `${cron} UTC` : `${cron.cron} ${cron.zone ?? 'UTC'}`

function moreOf({ at }: Found, tree: Tree, report: Report): Omit<CronTrigger, 'cron'> | undefined {
  const zone = zoneOf(field(tree, at, report, 'zone'), report)
  const missed = missedOf(field(tree, at, report, 'missed'), report)
  if (zone === null || missed === null) return undefined
  return { ...(zone !== undefined && { zone }), ...(missed !== undefined && { missed }) }
}

/** Null: refused. */
function zoneOf(found: Found | undefined, report: Report): string | undefined | null {
  if (!found) return undefined
  const zone = asText(found, report)
  if (zone === undefined) return null
  if (isZone(zone)) return zone
  report(found.at, unknownName('time zone', zone, Intl.supportedValuesOf('timeZone')))
  return null
}

function missedOf(found: Found | undefined, report: Report): CronTrigger['missed'] | null {
  if (!found) return undefined
  const missed = missedPolicies.find((policy) => policy === found.value)
  if (missed !== undefined) return missed
  report(found.at, unknownName('policy', String(found.value), missedPolicies))
  return null
}
