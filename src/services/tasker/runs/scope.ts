import type { Step } from '#contracts/descriptors.ts'
import { renderTree } from '#language'
import { causeOf, type RunStepRow } from '../tables.ts'
import type { Known } from './known.ts'
import { brokenSentence, brokenStep, isBroken, isOver } from './next.ts'
import type { Snapshot } from './snapshot.ts'
import { stepsOfTask } from './task-plan.ts'

type Tree = Record<string, unknown>

/**
 * What the templates of a step see on one node: the repository's tree, variables bare and under `vars` (given at the
 * start over step over task over node over repository), and what started the run and went before.
 */
export function scopeOf(
  infrastructure: Known,
  snapshot: Snapshot,
  step: Step,
  row: Pick<RunStepRow, 'step' | 'node'>,
  steps: readonly RunStepRow[],
): Tree {
  const { vars: given } = snapshot
  const { nodes, secrets, passwords } = infrastructure
  const about = {
    ...nodes,
    secrets,
    passwords,
    payload: snapshot.payload,
    request: snapshot.request,
    event: snapshot.event,
    run: runTree(snapshot, steps),
    steps: stepTree(steps, snapshot, row),
  }
  const known = { ...infrastructure.varsOn(row.node), ...given }
  const vars = {
    ...known,
    ...renderTree<Tree>(step.vars ?? {}, { ...known, ...about, vars: known }),
    ...given,
  }
  return { ...vars, ...about, vars }
}

/** With `error` and `failed` once a step has failed: what steps of `on_failure` look at. */
function runTree({ work, task }: Snapshot, steps: readonly RunStepRow[]): Tree {
  const tree: Tree = { id: work.id, task: task.id, cause: { ...causeOf(work) } }
  const broken = brokenStep(task, steps)
  if (!broken) return tree
  const { row } = broken
  const nodes = steps.filter((each) => each.step === row.step && isBroken(task, each)).map(({ node }) => node)
  return { ...tree, error: brokenSentence(broken), failed: { step: row.name, position: row.step + 1, nodes } }
}

/** By position and by id: how it went on this node, or on the first that it ran on. A step does not know itself. */
function stepTree(
  rows: readonly RunStepRow[],
  { task }: Snapshot,
  { step: own, node }: Pick<RunStepRow, 'step' | 'node'>,
): Tree {
  const tree: Tree = {}
  for (const [index, step] of stepsOfTask(task).entries()) {
    const done = rows.filter((row) => row.step === index && row.step !== own && isOver(row))
    const row = done.find((row) => row.node === node) ?? done[0]
    if (!row) continue
    const told = {
      stdout: row.stdout.replace(/\r?\n$/, ''),
      status: row.state,
      exit: row.exit,
      outputs: outputsOf(row, step),
    }
    tree[String(index)] = told
    if (step.id !== undefined) tree[step.id] = told
  }
  return tree
}

/** Those that it declares; one that it did not write is empty, so that a condition can ask for it. */
function outputsOf(row: RunStepRow, { outputs = [] }: Step): Tree {
  const written = JSON.parse(row.outputs) as Tree
  return Object.fromEntries(outputs.map((name) => [name, Object.hasOwn(written, name) ? written[name] : '']))
}
