import type { Task } from '#contracts/descriptors.ts'
import { readCron } from './cron-trigger.ts'
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

const keys = new Set(['webhooks', 'webhook', 'crons', 'cron', 'events', 'event'])

export function readTriggers(found: Found | undefined, report: Report, known: Known): ReadTriggers {
  const read: ReadTriggers = {
    triggers: { webhooks: [], crons: [], events: [] },
    webhooksAt: [],
    eventsAt: [],
  }
  const tree = asTree(found, report)
  if (!found || !tree) return read
  refuseUnknownKeys(tree, keys, found.at, report)
  for (const item of items(tree, found.at, report, 'webhooks', 'webhook')) {
    const webhook = readWebhook(item, report)
    if (!webhook) continue
    read.triggers.webhooks.push(webhook)
    read.webhooksAt.push(item.at)
  }
  for (const item of items(tree, found.at, report, 'crons', 'cron')) {
    const cron = readCron(item, read.triggers.crons, report)
    if (cron !== undefined) read.triggers.crons.push(cron)
  }
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
): Found[] {
  const found = field(tree, at, report, name, older)
  if (!found) return []
  if (found.at.at(-1) === older && !Array.isArray(found.value)) return [found]
  return (asList(found, report) ?? []).map((value, i) => ({ value, at: [...found.at, i] }))
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
