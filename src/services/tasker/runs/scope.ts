import type { Step } from '#contracts/descriptors.ts'
import { renderTree } from '#language'
import type { RunStepRow, WorkRow } from '../tables.ts'
import { causeOf } from '../tables.ts'
import type { Snapshot } from './snapshot.ts'

type Tree = Record<string, unknown>

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const treeAt = (tree: Tree, key: string): Tree => {
  const value = Object.hasOwn(tree, key) ? tree[key] : undefined
  return isTree(value) ? value : {}
}

/**
 * What the templates of a step see on one node: the repository's tree, variables bare and under `vars` (given at the
 * start over step over task over node over repository), and what started the run and went before.
 */
export function scopeOf(
  resolved: Tree,
  snapshot: Snapshot,
  step: Step,
  node: string,
  done: readonly RunStepRow[],
): Tree {
  const { work, task, vars: given } = snapshot
  const { nodes, variables } = parted(resolved)
  const about = {
    ...nodes,
    secrets: treeAt(resolved, 'secrets'),
    passwords: treeAt(resolved, 'passwords'),
    payload: snapshot.payload,
    event: snapshot.event,
    run: { id: work.id, task: task.id, cause: causeTree(work) },
    steps: stepTree(done, snapshot, node),
  }
  const known = { ...variables, ...given }
  const vars = {
    ...known,
    ...renderTree<Tree>(step.vars ?? {}, { ...known, ...about, vars: known }),
    ...given,
  }
  return { ...vars, ...about, vars }
}

/** The registry puts the variables of the named node and task bare beside the nodes. */
function parted(resolved: Tree): { nodes: Tree; variables: Tree } {
  const { vars, secrets, passwords, $unresolved, $secrets, ...rest } = resolved
  const entries = Object.entries(rest)
  return {
    nodes: Object.fromEntries(entries.filter(([key, value]) => isNode(key, value))),
    variables: {
      ...(isTree(vars) ? vars : {}),
      ...Object.fromEntries(entries.filter(([key, value]) => !isNode(key, value))),
    },
  }
}

const isNode = (key: string, value: unknown): boolean =>
  isTree(value) && value.id === key && isTree(value.configuration) && isTree(value.facts)

const causeTree = (work: WorkRow): Tree => ({ ...causeOf(work) })

/** By position and by id: how it went on this node, or on the first that it ran on. */
function stepTree(done: readonly RunStepRow[], { task }: Snapshot, node: string): Tree {
  const tree: Tree = {}
  for (const [index, step] of task.steps.entries()) {
    const rows = done.filter((row) => row.step === index)
    const row = rows.find((row) => row.node === node) ?? rows[0]
    if (!row) continue
    const told = { stdout: row.stdout.replace(/\r?\n$/, ''), status: row.state, exit: row.exit }
    tree[String(index)] = told
    if (step.id !== undefined) tree[step.id] = told
  }
  return tree
}
