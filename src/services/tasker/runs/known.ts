import type { Output } from '#contracts'
import type { Unresolved } from '#contracts/registry.ts'
import { hider } from '#kit/mask/index.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Tasker } from '../tasker.ts'
import type { Snapshot } from './snapshot.ts'

type Tree = Record<string, unknown>
type Command = Output<'shazam.command'>

/** The infrastructure as the steps of a run find it on some nodes: asked for once, for it is as big as the repository. */
export interface Known {
  /** `{ NODE: … }` */
  nodes: Tree
  secrets: Tree
  passwords: Tree
  /** All variables as a node sees them in the task of the run. Throws `not_found`. */
  varsOn(node: string): Tree
  command(service: string, command: string): Promise<Command>
  /** Texts that nothing may show. */
  hidden: readonly string[]
  unresolved: readonly Unresolved[]
}

/** Throws when a neighbour does not answer. */
export async function askKnown(
  { bus }: Pick<Tasker, 'bus'>,
  { work: { repo, commit }, task }: Snapshot,
  nodes: readonly string[],
): Promise<Known> {
  const place = { repo, ...(commit !== null && { commit }) }
  const tree = await bus.ask('registry.resolve', { ...place, task: task.id, nodes: [...new Set(nodes)] })
  const views = treeAt(tree, '$views')
  const commands = new Map<string, Promise<Command>>()
  return {
    nodes: Object.fromEntries(Object.entries(tree).filter(([key, value]) => isNode(key, value))),
    secrets: treeAt(tree, 'secrets'),
    passwords: treeAt(tree, 'passwords'),
    varsOn(node) {
      if (!Object.hasOwn(views, node)) throw new Problem('not_found', { what: `node ${node} in ${repo}` })
      return treeAt(views, node)
    },
    command(service, command) {
      const key = `${service} ${command}`
      const asked = commands.get(key) ?? bus.ask('shazam.command', { ...place, service, command })
      commands.set(key, asked)
      return asked
    },
    hidden: (tree.$secrets ?? []) as string[],
    unresolved: (tree.$unresolved ?? []) as Unresolved[],
  }
}

/** What is wrong with a template on a node, told without secrets. */
export function explain({ hidden, unresolved }: Known, error: Problem, node: string): string {
  return hider(hidden)(withUnresolved(error, unresolved, node).message)
}

/** A variable that depends on what is not known yet is missing: the reason is more use than the name alone. */
function withUnresolved(error: Problem, unresolved: readonly Unresolved[], node: string): Problem {
  const missing = unresolved.find((each) => each.node === null || each.node === node)
  if (error.code !== 'invalid' || !missing) return error
  return new Problem('invalid', {
    ...error.data,
    reason: `${error.data.reason}; ${missing.at}: ${missing.reason}`,
  })
}

/** A neighbour is away: to ask again may help. */
export const maybeLater = (error: unknown): boolean =>
  !isProblem(error) || isProblem(error, 'no_answer') || isProblem(error, 'deadline')

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function treeAt(tree: Tree, key: string): Tree {
  const value = Object.hasOwn(tree, key) ? tree[key] : undefined
  return isTree(value) ? value : {}
}

/** Variables stand bare beside the nodes. */
const isNode = (key: string, value: unknown): boolean =>
  isTree(value) && value.id === key && isTree(value.configuration) && isTree(value.facts)
