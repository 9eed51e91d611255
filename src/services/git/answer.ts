import { isDeepStrictEqual } from 'node:util'
import type { Infrastructure, Task } from '#contracts/descriptors.ts'
import type { Change, NodePlan } from '#contracts/shazam.ts'
import type { Losses } from './consent.ts'
import { lossLines } from './loss-lines.ts'

/** The text that a push is answered with. Pure: what is known in, lines out. */

const CHANGES_SHOWN = 20
const DIFF_LINES_SHOWN = 20
const NAMES_SHOWN = 20

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
  const moving = plan.filter((node) => node.verdict !== 'no change')
  const still = plan.filter((node) => node.verdict === 'no change')
  return ['Plan:', ...moving.flatMap((node) => nodeLines(node, now)), ...unchangedLines(still, now)]
}

/** One line for all of them: of 200 nodes a push changes few. */
function unchangedLines(plan: readonly NodePlan[], now: number): string[] {
  if (plan.length === 0) return []
  const names = plan.slice(0, NAMES_SHOWN).map(({ node }) => node)
  const more = plan.length - names.length
  const ages = plan.map(({ as_of }) => as_of ?? now)
  const [youngest, oldest] = [ago(now - Math.max(...ages)), ago(now - Math.min(...ages))]
  const seen = youngest === oldest ? youngest : `between ${oldest} and ${youngest}`
  return [`  = unchanged: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}  [as seen ${seen}]`]
}

function nodeLines(plan: NodePlan, now: number): string[] {
  const real = plan.changes.filter((change) => change.verdict !== 'no change')
  if (plan.verdict === 'create')
    return [newNodeLine(plan, real.filter((change) => change.verdict !== 'skipped').length)]
  const count = plan.verdict === 'change' && real.length > 0 ? ` (${real.length})` : ''
  const reason = plan.reason ? `: ${plan.reason}` : ''
  const head = `  ${signs[plan.verdict]} ${plan.node}  ${plan.verdict}${count}${reason}${age(plan, now)}`
  const more = real.length - CHANGES_SHOWN
  return [
    head,
    ...real.slice(0, CHANGES_SHOWN).flatMap(changeLines),
    ...(more > 0 ? [`      … and ${more} more: devops plan`] : []),
  ]
}

function age(plan: NodePlan, now: number): string {
  if (plan.verdict === 'create' || plan.verdict === 'destroy') return ''
  return plan.as_of === null ? '  [never seen yet]' : `  [as seen ${ago(now - plan.as_of)}]`
}

/** On a new server everything is new: how much it is says more than a list. */
function newNodeLine({ node, reason }: NodePlan, count: number): string {
  const size = count > 0 ? `  ${count} ${count === 1 ? 'resource' : 'resources'}: devops plan ${node}` : ''
  const head = `  ${signs.create} ${node}  create${reason ? `: ${reason}` : ''}`
  return `${head}${size}`
}

function changeLines(change: Change): string[] {
  const verdict = change.verdict === 'change' ? '' : ` (${change.verdict})`
  const diff = change.diff?.split('\n').filter(Boolean) ?? []
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
    ...[...before.values()]
      .filter(({ id }) => !after.has(id))
      .map(
        ({ id, approval }) =>
          `  - ${id}  removed${approval ? `, with its approval ${approvalWords(approval)}` : ''}`,
      ),
  ]
  return lines.length > 0 ? ['Tasks:', ...lines] : []
}

function taskLine(before: Task | undefined, task: Task): string | undefined {
  const now = startsOf(task)
  const starts = now.length > 0 ? `starts by ${now.join(', ')}` : 'starts by hand'
  const approval = approvalChange(before?.approval, task.approval)
  if (!before) return `  + ${task.id}  ${starts}${approval}`
  if (isDeepStrictEqual(before, task)) return undefined
  return `  ~ ${task.id}  ${startChange(startsOf(before), now) || `${starts}, as before`}${approval}`
}

/** Whoever reads the answer must see that a bond was taken off. */
function approvalChange(before: Task['approval'], now: Task['approval']): string {
  if (isDeepStrictEqual(before, now)) return ''
  if (!before) return `; approval added: ${approvalWords(now)}`
  if (!now) return `; approval removed: was ${approvalWords(before)}`
  return `; approval changed: ${approvalWords(now)}, was ${approvalWords(before)}`
}

function approvalWords(approval: Task['approval']): string {
  if (!approval) return 'none'
  const { by, within, other } = approval
  const who =
    typeof by === 'string'
      ? { write: 'by anybody who may write', admin: 'by an admin', owner: 'by the owner' }[by]
      : `by ${by.join(' or ')}`
  return `${who} within ${within} s${other ? ', not by whoever started the run' : ''}`
}

/** What starts a task now and did not before, and the other way round. */
function startChange(before: readonly string[], now: readonly string[]): string {
  const came = now.filter((start) => !before.includes(start))
  const went = before.filter((start) => !now.includes(start))
  return [
    ...(came.length > 0 ? [`now starts by ${came.join(', ')}`] : []),
    ...(went.length > 0 ? [`no longer by ${went.join(', ')}`] : []),
  ].join('; ')
}

const startsOf = ({ triggers }: Task): string[] => [
  ...triggers.webhooks.map(({ path }) => `webhook ${path}`),
  ...triggers.crons.map(
    (line) =>
      `cron ${typeof line === 'string' ? line : [line.cron, line.timezone].filter(Boolean).join(' ')}`,
  ),
  ...triggers.events.map((event) => `event ${event}`),
]

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
