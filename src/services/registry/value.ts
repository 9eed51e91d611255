import type { Input, Output } from '#contracts'
import { hider } from '#kit/mask/index.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { notYet, render } from '#language'
import type { Store } from '#store'
import type { Tree } from './leaves.ts'
import type { Resolve } from './resolve.ts'
import type { Tables } from './tables.ts'
import { findHistory, findVariables } from './variables.ts'

type Asked = Input<'registry.get_value'>
type From = Output<'registry.get_value'>['from']

/** What an address is: `devops var get`. */
export function createGetValue({ store: any }: Pick<Parts, 'store'>, resolve: Resolve) {
  const { db } = any.as<Tables>()

  return async (asked: Asked): Promise<Output<'registry.get_value'>> => {
    const { repo, address, node, task } = asked
    const head = address.split(/[.[]/, 1)[0] ?? ''
    if (head === 'secrets' || head === 'passwords')
      throw new Problem('invalid', {
        reason: `${address} is shown to nobody: it can be used, set and rotated`,
      })
    const tree = await resolve.forOne(repo, { node, task })
    const value = valueAt(tree, address)
    return {
      value: veiled(value, hider((tree.$secrets ?? []) as string[])),
      from: await originOf(db, tree, asked),
    }
  }
}

function valueAt(
  { $secrets: _s, $unresolved: _u, secrets: _, passwords: _p, ...scope }: Tree,
  address: string,
): unknown {
  try {
    return render(`{{ ${address} }}`, scope)
  } catch (error) {
    const later = notYet(address, scope)
    if (later) throw new Problem('invalid', { reason: later.reason })
    if (!isProblem(error)) throw error
    const [reason = ''] = String(error.data.reason).split(', in the template')
    throw new Problem('invalid', { reason })
  }
}

function veiled(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === 'string') return hide(value)
  if (Array.isArray(value)) return value.map((item) => veiled(item, hide))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, veiled(item, hide)]))
}

/** The first of the places of docs/variables.md that has the variable; null for what is none. */
async function originOf(db: Store<Tables>['db'], tree: Tree, asked: Asked): Promise<From> {
  const { repo } = asked
  const [name, scopes] = placesOf(tree, asked)
  if (name === undefined) return null
  const set = await findVariables(db, repo)
  for (const scope of scopes) {
    const variable = set.find((each) => each.scope === scope && each.name === name)
    if (variable) {
      const { set_at, set_by, source } = variable
      return { scope, written: false, set_at, set_by, source }
    }
    const [latest] = (await findHistory(db, { repo, scope, name })).filter((version) => version.written)
    if (latest && !latest.unset) {
      const { set_at, set_by, source } = latest
      return { scope, written: true, set_at, set_by, source }
    }
  }
  return null
}

/** The name of the variable that an address means, and where it is looked for, in order. */
function placesOf(tree: Tree, { address, node, task }: Asked): [name: string | undefined, scopes: string[]] {
  const [head = '', second, third] = address.split(/[.[]/)
  if (head !== 'vars' && isNode(tree[head], head))
    return second === 'vars' ? [third, [`node:${head}`]] : [undefined, []]
  const name = head === 'vars' ? second : head
  return [name, [...(task ? [`task:${task}`] : []), ...(node ? [`node:${node}`] : []), 'repo']]
}

const isNode = (value: unknown, id: string): boolean =>
  typeof value === 'object' && value !== null && (value as Tree).id === id && 'configuration' in value
