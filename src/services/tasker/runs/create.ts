import type { Infrastructure, Step, Task } from '#contracts/descriptors.ts'
import type { Cause } from '#contracts/tasker.ts'
import { stepKind } from '#language'
import { causeSentence, describeWork } from '../lines.ts'
import type { RunStepRow, WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import { findWork, insertWork } from '../works.ts'
import { announceEnd } from './finish.ts'

/** Longer chains of runs that start runs are cut: two tasks that listen for each other would never end. */
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
}

/** A run keeps all that it was made from: an edit made later does not touch it. */
export async function createRun(turn: Turn, wish: RunWish): Promise<WorkRow> {
  const known = wish.id === undefined ? undefined : await findWork(turn.db, wish.id)
  if (known) return known
  const { tip, task, cause } = wish
  const fault = faultOf(wish)
  const work = await insertWork(turn, { ...placeOf(wish), kind: 'run', task: task.id, cause }, fault)
  await insertSnapshot(turn, work, wish)
  await insertSteps(turn, work, task)
  // What was cut says nothing: a task that listens for errors would go on with the chain.
  if (fault !== null && cause.depth <= MAX_DEPTH) await announceEnd(turn, work, fault)
  const said = fault === null ? `queued: ${causeSentence(work)}` : `cannot begin: ${fault}`
  const level = fault === null ? 'info' : 'error'
  turn.note({ repo: tip.repo, task: task.id, work: work.id, level, text: `${describeWork(work)} ${said}` })
  return work
}

const placeOf = ({ id, tip, task }: RunWish) => ({
  ...(id !== undefined && { id }),
  repo: tip.repo,
  commit: tip.commit,
  nodes: [...new Set(task.steps.flatMap((step) => targetsOf(step, task)))].sort(),
})

async function insertSnapshot(turn: Turn, work: WorkRow, wish: RunWish): Promise<void> {
  const { task, tip, vars, event, payload } = wish
  const paths = task.steps.flatMap((step) => scriptOf(step) ?? [])
  const scripts = Object.fromEntries(paths.map((path) => [path, tip.scripts[path] ?? '']))
  await turn.db
    .insertInto('tasker_runs')
    .values({
      work: work.id,
      task: JSON.stringify(task),
      scripts: JSON.stringify(scripts),
      vars: JSON.stringify(vars),
      event: JSON.stringify(event ?? null),
      payload: JSON.stringify(payload ?? null),
    })
    .execute()
}

async function insertSteps(turn: Turn, work: WorkRow, task: Task): Promise<void> {
  const rows = task.steps.flatMap((step, index) =>
    targetsOf(step, task).map(
      (node): RunStepRow => ({
        run: work.id,
        step: index,
        node,
        name: nameOf(step),
        state: work.state === 'failed' ? 'skipped' : 'pending',
        attempt: 0,
        exit: null,
        error: null,
        stdout: '',
        started_at: null,
        ended_at: null,
      }),
    ),
  )
  if (rows.length > 0) await turn.db.insertInto('tasker_run_steps').values(rows).execute()
}

const targetsOf = (step: Step, task: Task): string[] => [...new Set(step.targets ?? task.targets)]

function scriptOf(step: Step): string | undefined {
  const kind = stepKind(step.run)
  return kind.kind === 'script' ? kind.path : undefined
}

const nameOf = (step: Step): string => step.name ?? step.id ?? (step.run.split('\n')[0] ?? '').slice(0, 80)

function faultOf({ tip, task, cause }: RunWish): string | null {
  if (cause.depth > MAX_DEPTH) {
    return `runs started by events are cut after ${MAX_DEPTH} in a row, and this would be number ${cause.depth}: two tasks seem to start each other`
  }
  const nodes = new Set(tip.nodes.map((node) => node.id))
  for (const [index, step] of task.steps.entries()) {
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
