import type { Task } from '#contracts/descriptors.ts'
import { cronTrouble } from './crons.ts'
import { eventTrouble } from './events.ts'
import { asList, asTree, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import type { Known } from './node.ts'
import type { At, Report } from './source.ts'
import { show } from './text.ts'

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
    const path = webhookPath(item, report)
    if (path === undefined) continue
    read.triggers.webhooks.push({ path })
    read.webhooksAt.push(item.at)
  }
}

function webhookPath({ value, at }: Found, report: Report): string | undefined {
  let path = value
  if (typeof value === 'string') report(at, `is the older spelling: write "path: ${value}"`, 'warning')
  else if (isTree(value)) {
    refuseUnknownKeys(value, new Set(['path']), at, report)
    path = value.path
  }
  if (typeof path !== 'string' || path === '') report(at, `must be a map with a path, got ${show(value)}`)
  else if (
    path.length > 200 ||
    !/^[A-Za-z0-9_~-][A-Za-z0-9._~-]*(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/.test(path)
  )
    report(at, `a path is made of letters, digits, ., _, ~ and -, with / only between, got ${show(path)}`)
  else return path
}

function readCrons(tree: Tree, at: At, report: Report, read: ReadTriggers): void {
  for (const item of items(tree, at, report, 'crons', 'cron')) {
    const line = cronLine(item, report)
    if (line === undefined) continue
    const trouble = cronTrouble(line)
    if (trouble) report(item.at, trouble)
    else if (read.triggers.crons.includes(line)) report(item.at, `the line ${show(line)} is written twice`)
    else read.triggers.crons.push(line)
  }
}

function cronLine({ value, at }: Found, report: Report): string | undefined {
  if (isTree(value)) refuseUnknownKeys(value, new Set(['cron']), at, report)
  const line = isTree(value) ? value.cron : value
  if (typeof line === 'string' && line !== '') return line
  report(at, `must be a crontab line in quotes, such as '0 5 * * *', got ${show(value)}`)
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
