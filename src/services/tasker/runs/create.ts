import type { HookRequest } from '#contracts/deliveries.ts'
import type { Infrastructure, Step, Task } from '#contracts/descriptors.ts'
import type { Cause } from '#contracts/tasker.ts'
import { inputDefaults, stepKind } from '#language'
import { causeSentence, describeWork } from '../lines.ts'
import type { RunStepRow, WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import { findWork, insertWork } from '../works.ts'
import { makeRoom } from './concurrency.ts'
import { boundTask, consentOf } from './consent.ts'
import { announceEnd } from './finish.ts'
import { stepsOfTask, targetsOf } from './task-plan.ts'

/** Longer chains of runs that start runs are cut: two tasks that listen for each other would never end,
 * nor one that changes what the syncs that it listens to depend on. */
export const MAX_DEPTH = 8

export interface RunWish {
  /** A run with this id is made once. */
  id?: string
  tip: Infrastructure
  task: Task
  /** Win over all other variables. */
  vars: Record<string, unknown>
  cause: Cause
  event?: object
  payload?: unknown
  /** Of the webhook: path, headers, query. */
  request?: HookRequest
  /** Of a retry: what another run has done already. */
  done?: Done
}

export interface Done {
  /** Nodes on which there is nothing left to do. */
  nodes: readonly string[]
  /** Steps that are not run again. */
  rows: readonly Pick<RunStepRow, 'step' | 'node' | 'state' | 'exit' | 'stdout' | 'outputs' | 'ended_at'>[]
}

/** A run keeps all that it was made from: an edit made later does not touch it. */
export async function createRun(turn: Turn, wish: RunWish): Promise<WorkRow> {
  const known = wish.id === undefined ? undefined : await findWork(turn.db, wish.id)
  if (known) return known
  const bound = { ...wish, task: boundTask(wish.task, wish.tip.approval_required) }
  return createBound(turn, bound)
}

async function createBound(turn: Turn, wish: RunWish): Promise<WorkRow> {
  const { tip, task, cause } = wish
  const fault = faultOf(wish)
  const ended = fault === null ? await makeRoom(turn, wish) : ({ state: 'failed', error: fault } as const)
  const consent = task.approval && { run_at: turn.now + task.approval.within * 1000 }
  const place = { ...placeOf(wish), ...consent, kind: 'run', task: task.id, cause } as const
  const work = await insertWork(turn, place, ended)
  await insertSnapshot(turn, work, wish)
  await insertSteps(turn, work, wish)
  // What was cut says nothing: a task that listens for errors would go on with the chain.
  if (fault !== null && cause.depth <= MAX_DEPTH) await announceEnd(turn, work, fault)
  const said = ended ? `does not begin: ${ended.error}` : `queued: ${causeSentence(work)}`
  const level = fault === null ? 'info' : 'error'
  turn.note({ repo: tip.repo, task: task.id, work: work.id, level, text: `${describeWork(work)} ${said}` })
  return work
}

const placeOf = ({ id, tip, task, done }: RunWish) => ({
  ...(id !== undefined && { id }),
  repo: tip.repo,
  commit: tip.commit,
  nodes: [...new Set(stepsOfTask(task).flatMap((step) => targetsOf(step, task)))]
    .filter((node) => !done?.nodes.includes(node))
    .sort(),
})

async function insertSnapshot(turn: Turn, work: WorkRow, wish: RunWish): Promise<void> {
  const { task, tip, vars, event, payload, request } = wish
  const paths = stepsOfTask(task).flatMap((step) => scriptOf(step) ?? [])
  const scripts = Object.fromEntries(paths.map((path) => [path, tip.scripts[path] ?? '']))
  await turn.db
    .insertInto('tasker_runs')
    .values({
      work: work.id,
      task: JSON.stringify(task),
      scripts: JSON.stringify(scripts),
      vars: JSON.stringify({ ...inputDefaults(task), ...vars }),
      event: JSON.stringify(event ?? null),
      payload: JSON.stringify(payload ?? null),
      consent: consentOf(task, turn.now),
      request: JSON.stringify(request ?? null),
    })
    .execute()
}

async function insertSteps(turn: Turn, work: WorkRow, { task, done }: RunWish): Promise<void> {
  const rows = stepsOfTask(task).flatMap((step, index) =>
    targetsOf(step, task).map(
      (node): RunStepRow => ({
        run: work.id,
        step: index,
        node,
        name: nameOf(step),
        state: work.state === 'waiting' ? 'pending' : 'skipped',
        attempt: 0,
        exit: null,
        error: null,
        stdout: '',
        outputs: '{}',
        retry_at: null,
        stopping: null,
        started_at: null,
        ended_at: null,
        ...done?.rows.find((row) => row.step === index && row.node === node),
      }),
    ),
  )
  if (rows.length > 0) await turn.db.insertInto('tasker_run_steps').values(rows).execute()
}

function scriptOf(step: Step): string | undefined {
  const kind = stepKind(step.run)
  return kind.kind === 'script' ? kind.path : undefined
}

const nameOf = (step: Step): string => step.name ?? step.id ?? (step.run.split('\n')[0] ?? '').slice(0, 80)

function faultOf({ tip, task, cause }: RunWish): string | null {
  if (cause.depth > MAX_DEPTH) {
    return `runs started by events are cut after ${MAX_DEPTH} in a row, and this would be number ${cause.depth}: tasks seem to start each other, or themselves, by what they change`
  }
  const nodes = new Set(tip.nodes.map((node) => node.id))
  for (const [index, step] of stepsOfTask(task).entries()) {
    const targets = targetsOf(step, task)
    const place = `step ${index + 1} of task ${task.id}`
    if (targets.length === 0)
      return `${place} has no targets: name nodes under \`targets\` of the step or the task`
    const unknown = targets.find((target) => !nodes.has(target))
    if (unknown !== undefined)
      return `${place} names the node ${unknown}, which this repository does not have`
    const script = scriptOf(step)
    if (script !== undefined && !(script in tip.scripts))
      return `${place} names ${script}, which does not exist`
  }
  return null
}
