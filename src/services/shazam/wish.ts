import type { Input, Output } from '#contracts'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import type { Unresolved } from '#contracts/registry.ts'
import { hider } from '#kit/mask/index.ts'
import { Problem } from '#kit/problem.ts'
import { notYet, unknownIn } from '#language'
import { compile } from './compile.ts'
import type { Graph } from './graph.ts'
import { type Shazam, servicesAt } from './shazam.ts'

/** A value that another node has still to bring. It comes by itself, unlike what is `invalid`. */
export class NotYet extends Error {}

/** What the registry and the profiles have to say about nodes. */
export interface Known {
  scope: Output<'registry.resolve'>
  keys: Output<'profiles.node_keys'>
  platformKey: string
}

export async function knownOf(
  { bus }: Pick<Shazam, 'bus'>,
  repo: string,
  at: Omit<Input<'registry.resolve'>, 'repo'>,
): Promise<Known> {
  const [scope, keys, { public_key }] = await Promise.all([
    bus.ask('registry.resolve', { repo, ...at }),
    bus.ask('profiles.node_keys', { repo }),
    bus.ask('registry.platform_key', { repo }),
  ])
  return { scope, keys, platformKey: public_key }
}

/** What a node should be: its descriptor with all that the registry and the profiles know. Throws `invalid`, NotYet. */
export function compileWish(
  shazam: Pick<Shazam, 'catalog'>,
  infrastructure: Infrastructure,
  node: Node,
  { scope, keys, platformKey }: Known,
): Graph {
  refuseUnresolved(node, (scope.$unresolved ?? []) as Unresolved[])
  const catalog = servicesAt(shazam, infrastructure.services)
  return hiding((scope.$secrets ?? []) as string[], () =>
    waiting(scope, () => compile({ node, catalog, scope, keys, platformKey })),
  )
}

/** The templates of a service see what others bring as well: what is still to come is waited for. */
function waiting<T>(scope: Known['scope'], act: () => T): T {
  try {
    return act()
  } catch (error) {
    const missing = notYet(unknownIn(error) ?? '', scope)
    if (missing) throw new NotYet(missing.reason)
    throw error
  }
}

/** What is wrong with a value is told with the value: not so when it holds a secret. */
function hiding<T>(secrets: readonly string[], act: () => T): T {
  try {
    return act()
  } catch (error) {
    const { code, data, message } = Problem.of(error)
    const hide = hider(secrets)
    if (hide(message) === message) throw error
    // Without its cause, which would say it all the same.
    throw new Problem(code, { ...data, reason: hide(String(data.reason)) })
  }
}

function refuseUnresolved(node: Node, unresolved: readonly Unresolved[]): void {
  const own = unresolved.filter((one) => one.node === node.id)
  const hopeless = own.find((one) => one.waits_for === null)
  if (hopeless)
    throw new Problem('invalid', { reason: `node ${node.id}, ${hopeless.at}: ${hopeless.reason}` })
  if (own.length > 0) throw new NotYet([...new Set(own.map((one) => one.reason))].join('; '))
}
