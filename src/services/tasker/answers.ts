import type { Input } from '#contracts'
import type { Infrastructure, Task } from '#contracts/descriptors.ts'
import type { Cause, Run, Work } from '#contracts/tasker.ts'
import { Problem } from '#kit/problem.ts'
import { giveInputs, nearest } from '#language'
import { fingerprints } from './fingerprint.ts'
import { describeWithNode } from './lines.ts'
import { toRuns, toWorks } from './read.ts'
import { takeFor, turnFor } from './rights.ts'
import { createRun } from './runs/create.ts'
import * as decisions from './runs/decisions.ts'
import { announceEnd } from './runs/finish.ts'
import { skipPending } from './runs/steps.ts'
import { cancelRun } from './runs/stop.ts'
import { cancelWork, hasEnded } from './states.ts'
import { queueDestroy, queueSync } from './syncs.ts'
import type { WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { withTip } from './tips.ts'
import type { Turn } from './turn.ts'
import { findWork } from './works.ts'

const byHand = (by: string): Cause => ({ kind: 'hand', by, detail: '', depth: 0 })

export function missing(kind: string, name: string, repo: string, names: readonly string[]): Problem {
  const near = nearest(name, names)
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  return new Problem('not_found', { what: `${kind} ${name} in ${repo}${hint}` })
}

/** A new series of attempts now. A node that has left the repository is destroyed anew. */
export async function sync(tasker: Tasker, { repo, node, by }: Input<'tasker.sync'>): Promise<Work[]> {
  const cause = byHand(by)
  const act = async (turn: Turn, tip: Infrastructure): Promise<WorkRow[]> => {
    const prints = fingerprints(tip)
    const { commit } = tip
    if (node !== undefined && !prints.has(node)) {
      if (!(await isLeaving(turn, repo, node))) throw missing('node', node, repo, [...prints.keys()])
      return [await queueDestroy(turn, { repo, node, commit, cause })]
    }
    const works: WorkRow[] = []
    for (const [id, fingerprint] of prints) {
      if (node !== undefined && id !== node) continue
      works.push(await queueSync(turn, { repo, node: id, commit, fingerprint, cause }))
    }
    return works
  }
  return toWorks(tasker, await withTip(tasker, repo, act, takeFor(tasker, by, 'node.sync', repo)))
}

async function isLeaving({ db }: Turn, repo: string, node: string): Promise<boolean> {
  const row = await db
    .selectFrom('tasker_nodes')
    .select('goal')
    .where('repo', '=', repo)
    .where('node', '=', node)
    .executeTakeFirst()
  return row?.goal === 'absent'
}

export async function startRun(tasker: Tasker, input: Input<'tasker.start_run'>): Promise<Run> {
  const { repo, by } = input
  const act = async (turn: Turn, tip: Infrastructure): Promise<WorkRow> => {
    const task = taskOf(tip, input.task)
    const vars = givenTo(task, input.vars)
    return createRun(turn, { tip, task, vars, cause: byHand(by) })
  }
  return oneRun(tasker, await withTip(tasker, repo, act, takeFor(tasker, by, 'task.run', repo)))
}

export const consent = async (tasker: Tasker, input: Input<'tasker.consent'>): Promise<Run> => {
  await decisions.consent(tasker, input)
  return getRun(tasker, input)
}

export const retryRun = async (tasker: Tasker, input: Input<'tasker.retry_run'>): Promise<Run> =>
  oneRun(tasker, await decisions.retryRun(tasker, input))

/** A task that declares inputs takes those, and values for its `vars`; one that declares none takes any. */
function givenTo(task: Task, given: Record<string, unknown> = {}): Record<string, unknown> {
  if (!task.inputs) return given
  const { values, troubles } = giveInputs(task, given)
  if (troubles.length > 0) throw new Problem('invalid', { reason: troubles.join('; ') })
  return values
}

function taskOf({ repo, tasks }: Infrastructure, id: string): Task {
  const task = tasks.find((task) => task.id === id)
  if (!task)
    throw missing(
      'task',
      id,
      repo,
      tasks.map((task) => task.id),
    )
  return task
}

/** What waits is cancelled, a run that runs is stopped; a sync that runs cannot be cut. */
export async function cancel(tasker: Tasker, { repo, work: id, by }: Input<'tasker.cancel'>): Promise<Work> {
  const work = await workOrNotFound(tasker, repo, id)
  if (hasEnded(work.state))
    throw new Problem('conflict', { reason: `Work ${id} has ended already: ${work.state}` })
  if (work.state === 'waiting') await cancelWaiting(tasker, work, by)
  else if (work.kind === 'run') await cancelRun(tasker, work, by)
  else
    throw new Problem('conflict', {
      reason: `The ${describeWithNode(work)} is running and cannot be cut: wait for its end`,
    })
  return getWork(tasker, { repo, work: id })
}

async function cancelWaiting(tasker: Tasker, work: WorkRow, by: string): Promise<void> {
  await turnFor(tasker, by, 'task.cancel', work.repo, async (turn) => {
    await cancelWork(turn, work, by)
    await skipPending(turn, work.id)
    if (work.kind === 'run') await announceEnd(turn, work, `cancelled by ${by}`)
    const text = `${describeWithNode(work)} was cancelled by ${by}`
    turn.note({ repo: work.repo, work: work.id, level: 'warn', text })
  })
}

async function workOrNotFound({ db }: Tasker, repo: string, id: string): Promise<WorkRow> {
  const work = await findWork(db, id)
  if (work?.repo !== repo) throw new Problem('not_found', { what: `work ${id} in ${repo}` })
  return work
}

export async function getWork(tasker: Tasker, { repo, work }: Input<'tasker.get_work'>): Promise<Work> {
  return only(await toWorks(tasker, [await workOrNotFound(tasker, repo, work)]))
}

export async function getRun(tasker: Tasker, { repo, run }: Input<'tasker.get_run'>): Promise<Run> {
  const row = await workOrNotFound(tasker, repo, run)
  if (row.kind !== 'run')
    throw new Problem('not_found', { what: `run ${run} in ${repo}: it is a ${row.kind}` })
  return oneRun(tasker, row)
}

const oneRun = async (tasker: Tasker, row: WorkRow): Promise<Run> => only(await toRuns(tasker, [row]))

function only<T>([first]: readonly T[]): T {
  if (first === undefined) throw new Error('a list that has one entry is empty')
  return first
}

export async function listRuns(
  tasker: Tasker,
  { repo, task, limit }: Input<'tasker.list_runs'>,
): Promise<Run[]> {
  let query = tasker.db
    .selectFrom('tasker_works')
    .selectAll()
    .where('repo', '=', repo)
    .where('kind', '=', 'run')
    .orderBy('seq', 'desc')
    .limit(limit)
  if (task !== undefined) query = query.where('task', '=', task)
  return toRuns(tasker, await query.execute())
}

export async function listWorks(tasker: Tasker, input: Input<'tasker.list_works'>): Promise<Work[]> {
  const { repo, node, states, limit } = input
  let query = tasker.db.selectFrom('tasker_works').selectAll().orderBy('seq', 'desc').limit(limit)
  if (repo !== undefined) query = query.where('repo', '=', repo)
  if (states !== undefined) query = query.where('state', 'in', states)
  if (node !== undefined) {
    const ids = tasker.db.selectFrom('tasker_work_nodes').select('work').where('node', '=', node)
    query = query.where('id', 'in', repo === undefined ? ids : ids.where('repo', '=', repo))
  }
  return states?.length === 0 ? [] : toWorks(tasker, await query.execute())
}
