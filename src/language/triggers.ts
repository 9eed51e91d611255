import type { Task } from '#contracts/descriptors.ts'
import { readCron, readTimezone } from './cron-trigger.ts'
import { eventTrouble } from './events.ts'
import { asList, asTree, type Found, field, refuseUnknownKeys, type Tree } from './fields.ts'
import type { Known } from './node.ts'
import type { At, Report } from './source.ts'
import { show } from './text.ts'
import { readWebhook } from './webhook-trigger.ts'

export interface ReadTriggers {
  triggers: Task['triggers']
  /** Where each is written, in the order of `triggers`. */
  webhooksAt: At[]
  eventsAt: At[]
}

const keys = new Set(['webhooks', 'webhook', 'crons', 'cron', 'events', 'event', 'timezone'])

export function readTriggers(found: Found | undefined, report: Report, known: Known): ReadTriggers {
  const read: ReadTriggers = {
    triggers: { webhooks: [], crons: [], events: [] },
    webhooksAt: [],
    eventsAt: [],
  }
  const tree = asTree(found, report)
  if (!found || !tree) return read
  refuseUnknownKeys(tree, keys, found.at, report)
  readWebhooks(tree, found.at, report, read)
  readCrons(tree, found.at, report, read)
  readEvents(tree, found.at, report, known, read)
  return read
}

/** The older singular names also took one value. */
function items(
  tree: Tree,
  at: At,
  report: Report,
  name: string,
  older: string,
): { value: unknown; at: At }[] {
  const found = field(tree, at, report, name, older)
  if (!found) return []
  if (found.at.at(-1) === older && !Array.isArray(found.value)) return [found]
  return (asList(found, report) ?? []).map((value, i) => ({ value, at: [...found.at, i] }))
}

function readWebhooks(tree: Tree, at: At, report: Report, read: ReadTriggers): void {
  for (const item of items(tree, at, report, 'webhooks', 'webhook')) {
    const webhook = readWebhook(item, report)
    if (!webhook) continue
    read.triggers.webhooks.push(webhook)
    read.webhooksAt.push(item.at)
  }
}

function readCrons(tree: Tree, at: At, report: Report, read: ReadTriggers): void {
  const timezone = readTimezone(tree, at, report)
  const seen = new Set<string>()
  for (const item of items(tree, at, report, 'crons', 'cron')) {
    const cron = readCron(item, timezone, report)
    if (cron === undefined) continue
    const line = typeof cron === 'string' ? cron : cron.cron
    const zone = typeof cron === 'string' ? '' : (cron.timezone ?? '')
    if (seen.has(`${zone} ${line}`)) report(item.at, `the line ${show(line)} is written twice`)
    else read.triggers.crons.push(cron)
    seen.add(`${zone} ${line}`)
  }
}

function readEvents(tree: Tree, at: At, report: Report, known: Known, read: ReadTriggers): void {
  const ids = { node: known.nodes, task: known.tasks }
  for (const item of items(tree, at, report, 'events', 'event')) {
    if (typeof item.value !== 'string' || item.value === '') {
      report(item.at, `must be the name of an event, got ${show(item.value)}`)
      continue
    }
    const trouble = eventTrouble(item.value, ids)
    if (trouble) report(item.at, trouble)
    else if (read.triggers.events.includes(item.value))
      report(item.at, `event ${show(item.value)} is written twice`)
    else {
      read.triggers.events.push(item.value)
      read.eventsAt.push(item.at)
    }
  }
}
