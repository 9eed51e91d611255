import type { Task } from '#contracts/descriptors.ts'
import type { RunStepRow } from '../tables.ts'
import { batchesOf, needsIn, stepAt } from './task-plan.ts'

export type Next =
  | { do: 'start'; rows: RunStepRow[] }
  /** Their time is over. */
  | { do: 'stop'; rows: RunStepRow[]; reason: string }
  /** A try comes at this time. */
  | { do: 'pause'; until: number }
  /** Steps run: their end is an event. */
  | { do: 'wait' }
  | { do: 'finish' }

/** What is known of a run besides its steps. Times in milliseconds since the epoch. */
export interface RunState {
  cancelled: boolean
  started_at: number
  now: number
}

/** The next thing that a run needs, from its task and its steps alone: so it can be asked at any time, and twice. */
export function nextOf(task: Task, rows: readonly RunStepRow[], state: RunState): Next {
  const running = rows.filter((row) => row.state === 'running')
  if (state.cancelled) return running.length > 0 ? { do: 'wait' } : { do: 'finish' }
  const late = lateOf(task, running, state)
  if (late) return late
  const next =
    nextMain(task, rows, state) ?? (running.length > 0 ? undefined : nextOnFailure(task, rows, state))
  return next ?? (running.length > 0 ? { do: 'wait' } : { do: 'finish' })
}

const mainOf = (task: Task, rows: readonly RunStepRow[]) => rows.filter((row) => row.step < task.steps.length)

/** An unknown outcome counts as a failure that nothing makes good: nobody knows what later steps would meet. */
export function isBroken(task: Task, row: RunStepRow): boolean {
  if (row.state === 'unknown' || row.state === 'stopped') return true
  return row.state === 'failure' && stepAt(task, row.step)?.continue_on_error !== true
}

const failedNodes = (task: Task, rows: readonly RunStepRow[]): Set<string> =>
  new Set(mainOf(task, rows).flatMap((row) => (isBroken(task, row) ? [row.node] : [])))

/** Whether more nodes have failed than may. */
export const hasFailed = (task: Task, rows: readonly RunStepRow[]): boolean =>
  failedNodes(task, rows).size > (task.batch?.max_failures ?? 0)

export const timedOut = (task: Task, { started_at, now }: RunState): boolean =>
  task.timeout !== undefined && now >= started_at + task.timeout * 1000

function lateOf(task: Task, running: readonly RunStepRow[], state: RunState): Next | undefined {
  const over = timedOut(task, state)
  const main = mainOf(task, running)
  if (over && main.length > 0)
    return { do: 'stop', rows: main, reason: `the task timed out after ${task.timeout} s` }
  const late = running.filter((row) => {
    const { timeout } = stepAt(task, row.step) ?? {}
    return timeout !== undefined && state.now >= (row.started_at ?? state.now) + timeout * 1000
  })
  const [first] = late
  if (!first) return undefined
  return { do: 'stop', rows: late, reason: `timed out after ${stepAt(task, first.step)?.timeout} s` }
}

/** When the next time limit ends, in milliseconds since the epoch; undefined when none runs. */
export function deadlineOf(task: Task, rows: readonly RunStepRow[], state: RunState): number | undefined {
  const limits = rows.flatMap((row) => {
    const { timeout } = stepAt(task, row.step) ?? {}
    const runs = row.state === 'running' && timeout !== undefined
    return runs ? [(row.started_at ?? state.now) + timeout * 1000] : []
  })
  if (task.timeout !== undefined) limits.push(state.started_at + task.timeout * 1000)
  const open = limits.filter((end) => end > state.now)
  return open.length > 0 ? Math.min(...open) : undefined
}

/** Undefined: nothing of the task itself can begin now. */
function nextMain(task: Task, rows: readonly RunStepRow[], state: RunState): Next | undefined {
  if (hasFailed(task, rows) || timedOut(task, state)) return undefined
  const failed = failedNodes(task, rows)
  const live = mainOf(task, rows).filter((row) => !failed.has(row.node))
  const needs = needsIn(task)
  for (const batch of batchesOf(task)) {
    const here = live.filter((row) => batch.includes(row.node))
    if (here.every(isOver)) continue
    const open = new Set(here.filter((row) => !isOver(row)).map((row) => row.step))
    const ready = here.filter(
      (row) => row.state === 'pending' && !(needs[row.step] ?? []).some((step) => open.has(step)),
    )
    return startOf(ready, state.now)
  }
  return undefined
}

export const isOver = (row: RunStepRow): boolean => row.state !== 'pending' && row.state !== 'running'

function startOf(ready: readonly RunStepRow[], now: number): Next | undefined {
  const due = ready.filter((row) => (row.retry_at ?? 0) <= now)
  if (due.length > 0) return { do: 'start', rows: due }
  const times = ready.flatMap((row) => row.retry_at ?? [])
  return times.length > 0 ? { do: 'pause', until: Math.min(...times) } : undefined
}

/** One after another, until one of them fails. */
function nextOnFailure(task: Task, rows: readonly RunStepRow[], state: RunState): Next | undefined {
  const broken = failedNodes(task, rows).size > 0 || timedOut(task, state)
  const own = rows.filter((row) => row.step >= task.steps.length)
  if (!broken || own.some((row) => isBroken(task, row))) return undefined
  const pending = own.filter((row) => row.state === 'pending')
  const first = Math.min(...pending.map((row) => row.step))
  return startOf(
    pending.filter((row) => row.step === first),
    state.now,
  )
}

/** The first step of the task itself that did not succeed, and on how many further nodes it went wrong. */
export function brokenStep(
  task: Task,
  rows: readonly RunStepRow[],
): { row: RunStepRow; others: number } | undefined {
  const broken = mainOf(task, rows).filter((row) => isBroken(task, row))
  const [row] = broken
  return row && { row, others: new Set(broken.map(({ node }) => node)).size - 1 }
}

export function brokenSentence({ row, others }: { row: RunStepRow; others: number }): string {
  const where = `step ${row.step + 1} "${row.name}"`
  const why = row.error ?? (row.exit === null ? 'no reason was given' : `exit ${row.exit}`)
  const more = others > 0 ? `, and ${others} more ${others === 1 ? 'node' : 'nodes'} failed` : ''
  if (row.state === 'unknown')
    return `the outcome of ${where} on ${row.node} is unknown, and it was not run again: ${why}${more}`
  return row.state === 'stopped'
    ? `${where} was stopped on ${row.node}${more}`
    : `${where} failed on ${row.node}: ${why}${more}`
}
