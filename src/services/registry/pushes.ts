import type { BusEvent, Delivery } from '#bus'
import { isProblem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Tx } from '#store'
import { movedBetween } from './addresses.ts'
import type { Tree } from './leaves.ts'
import { forgottenAt } from './repositories.ts'
import { createResolve, type ResolveParts } from './resolve.ts'
import type { Tables } from './tables.ts'
import { findDependents } from './uses.ts'
import { rememberWritten, type Written, writtenIn } from './written.ts'

/**
 * A push moves options and variables of nodes: other nodes that use them are told like those that use a set variable.
 * The pushed nodes themselves are synced by the push.
 */
export function createPushes(parts: ResolveParts & Pick<Parts, 'clock' | 'log'>) {
  const { bus, clock, log } = parts
  const resolve = createResolve(parts)

  return async ({ data, time }: BusEvent<'repo.pushed'>, delivery: Delivery): Promise<void> => {
    const { repo, before, after, by } = data
    if (after === null) return
    const was = before === null ? [] : await writtenAt(repo, before)
    const is = await writtenAt(repo, after)
    const [old, now] = before === null ? [] : await Promise.all([nodesAt(repo, before), nodesAt(repo, after)])
    await delivery.once(async (tx) => {
      // Read before the repository was deleted: another of its name has nothing to do with it.
      if ((await forgottenAt((tx as Tx<Tables>).db, repo)) >= time) return
      const change = { set_at: clock.now(), set_by: by, source: { kind: 'commit', id: after } as const }
      if (was && is) await rememberWritten((tx as Tx<Tables>).db, repo, was, is, change)
      if (!old || !now) return
      for (const id of Object.keys(now)) {
        if (!old[id]) continue
        for (const address of movedBetween(old[id], now[id], id)) {
          const nodes = (await findDependents((tx as Tx<Tables>).db, repo, [address])).filter(
            (node) => node !== id,
          )
          if (nodes.length > 0)
            await bus.publish(
              'var.changed',
              { subject: repo, data: { repo, address, nodes, by, work: null } },
              tx,
            )
        }
      }
    })
  }

  /** Undefined when that commit cannot be read any more. */
  async function writtenAt(repo: string, commit: string): Promise<Written[] | undefined> {
    try {
      return writtenIn(await bus.ask('git.infrastructure', { repo, commit }))
    } catch (error) {
      if (!isProblem(error, 'refused') && !isProblem(error, 'not_found')) throw error
      log.warn({ err: error, repo, commit }, 'variables of this commit cannot be compared')
      return undefined
    }
  }

  /** Undefined when the tree of that commit cannot be had: there is nothing to compare then. */
  async function nodesAt(repo: string, commit: string): Promise<Tree | undefined> {
    try {
      const tree = await resolve.forMany({ repo, commit })
      return Object.fromEntries(Object.entries(tree).flatMap(([id, node]) => pick(id, node)))
    } catch (error) {
      const known = (['invalid', 'not_found', 'refused'] as const).some((code) => isProblem(error, code))
      if (!known) throw error
      log.warn({ err: error, repo, commit }, 'values of this commit cannot be compared')
      return undefined
    }
  }
}

function pick(id: string, value: unknown): [string, Tree][] {
  const node = value as Tree | null
  if (typeof node !== 'object' || node?.id !== id || !node.configuration) return []
  return [[id, { configuration: node.configuration, vars: node.vars }]]
}
