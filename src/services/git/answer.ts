import { isDeepStrictEqual } from 'node:util'
import type { Infrastructure, Task } from '#contracts/descriptors.ts'
import type { Change, NodePlan } from '#contracts/shazam.ts'
import type { Losses } from './consent.ts'

/** The text that a push is answered with. Pure: what is known in, lines out. */

const CHANGES_SHOWN = 20
const DIFF_LINES_SHOWN = 20

const signs: Record<NodePlan['verdict'], string> = {
  create: '+',
  change: '~',
  'no change': '=',
  replace: '!',
  destroy: '-',
  unknown: '?',
}

export function planLines(plan: readonly NodePlan[], now: number): string[] {
  if (plan.length === 0) return ['Plan: there are no nodes.']
  return ['Plan:', ...plan.flatMap((node) => nodeLines(node, now))]
}

function nodeLines(plan: NodePlan, now: number): string[] {
  const real = plan.changes.filter((change) => change.verdict !== 'no change')
  const count = plan.verdict === 'change' && real.length > 0 ? ` (${real.length})` : ''
  const reason = plan.reason ? `: ${plan.reason}` : ''
  const head = `  ${signs[plan.verdict]} ${plan.node}  ${plan.verdict}${count}${reason}${age(plan, now)}`
  const more = real.length - CHANGES_SHOWN
  return [
    head,
    ...real.slice(0, CHANGES_SHOWN).flatMap((change) => changeLines(change, plan.verdict === 'create')),
    ...(more > 0 ? [`      … and ${more} more: devops plan`] : []),
  ]
}

function age(plan: NodePlan, now: number): string {
  if (plan.verdict === 'create' || plan.verdict === 'destroy') return ''
  return plan.as_of === null ? '  [never seen yet]' : `  [as seen ${ago(now - plan.as_of)}]`
}

/** Of a new server all is new: its files are not shown line by line. */
function changeLines(change: Change, brief: boolean): string[] {
  const verdict = change.verdict === 'change' ? '' : ` (${change.verdict})`
  const diff = brief ? [] : (change.diff?.split('\n').filter(Boolean) ?? [])
  const more = diff.length - DIFF_LINES_SHOWN
  return [
    `      ${change.summary}${verdict}`,
    ...diff.slice(0, DIFF_LINES_SHOWN).map((line) => `        ${line}`),
    ...(more > 0 ? [`        … and ${more} lines more`] : []),
  ]
}

export function taskLines(former: Infrastructure | undefined, next: Infrastructure): string[] {
  const before = new Map(former?.tasks.map((task) => [task.id, task]))
  const after = new Set(next.tasks.map((task) => task.id))
  const lines = [
    ...next.tasks.flatMap((task) => taskLine(before.get(task.id), task) ?? []),
    ...[...before.keys()].filter((id) => !after.has(id)).map((id) => `  - ${id}  removed`),
  ]
  return lines.length > 0 ? ['Tasks:', ...lines] : []
}

function taskLine(before: Task | undefined, task: Task): string | undefined {
  if (!before) return `  + ${task.id}  ${triggersOf(task)}`
  if (isDeepStrictEqual(before, task)) return undefined
  return `  ~ ${task.id}  ${triggersOf(task)}`
}

function triggersOf({ triggers }: Task): string {
  const starts = [
    ...triggers.webhooks.map(({ path }) => `webhook ${path}`),
    ...triggers.crons.map((line) => `cron ${line}`),
    ...triggers.events.map((event) => `event ${event}`),
  ]
  return starts.length > 0 ? `starts by ${starts.join(', ')}` : 'starts by hand'
}

/** How to follow what the push sets off. */
export function watchLines(repo: string, plan: readonly NodePlan[] | undefined): string[] {
  const busy = plan?.filter((node) => node.verdict !== 'no change')
  if (busy?.length === 0) return ['The servers match already.']
  const node = busy?.length === 1 ? ` --node=${busy[0]?.node}` : ''
  return [`Watch it: devops logs -f --repo=${repo}${node}`]
}

export function refusalLines(losses: Losses): string[] {
  const options = [
    ...losses.destroy.map((node) => `-o destroy=${node}`),
    ...losses.replace.map((node) => `-o replace=${node}`),
  ]
  return [
    ...lossLines(losses).map((line) => `${line}.`),
    `Nothing was changed. If you mean it: git push ${options.join(' ')}`,
  ]
}

export const lossLines = (losses: Losses): string[] => [
  ...losses.destroy.map(
    (node) => `${node}: its descriptor is gone, so its server and all data on it would be destroyed`,
  ),
  ...losses.replace.map((node) => `${node}: its server would be destroyed with all data and made anew`),
]

export const errorLines = (findings: readonly string[], errors: number): string[] => [
  ...findings,
  '',
  `Refused: ${errors === 1 ? 'one error' : `${errors} errors`}. Correct what is listed, commit and push again; nothing was changed.`,
]

function ago(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 120) return `${minutes} min ago`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`
}

/** Lines hold text of whoever pushed and of servers: no control character of it may reach a terminal. */
export const inert = (line: string): string =>
  line.replace(/[^\P{Cc}\t]/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
