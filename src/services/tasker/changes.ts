import type { BusEvent, Delivery } from '#bus'
import type { EventData } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Cause } from '#contracts/tasker.ts'
import { depthOf, depthOfMoved, movedNode } from './depth.ts'
import { fingerprints } from './fingerprint.ts'
import { MAX_DEPTH } from './runs/create.ts'
import { queueSync } from './syncs.ts'
import type { Tasker } from './tasker.ts'
import { withTips } from './tips.ts'
import type { Turn } from './turn.ts'

/** Milliseconds in which further changes join the same sync. */
export const GATHERING = 2_000

export const onVariable = (tasker: Tasker) => async (event: BusEvent<'var.changed'>, delivery: Delivery) => {
  const { repo, nodes, by, address, work } = event.data
  if (nodes.length === 0) return
  await withTips(tasker, [repo], tasker.turns.onceOf(delivery), async (turn, [tip]) => {
    if (!tip) return
    const cause: Cause = { kind: 'variable', by, detail: address, depth: await depthOf(turn.db, work) }
    if (movedNode(by) === undefined) return gatherSyncs(turn, tip, cause, new Set(nodes))
    for (const node of nodes) {
      const depth = await depthOfMoved(turn.db, event.data, node, turn.now)
      if (depth <= MAX_DEPTH) await gatherSyncs(turn, tip, { ...cause, depth }, new Set([node]))
      else tellCut(turn, event.data, node)
    }
  })
}

function tellCut(turn: Turn, { repo, address, by }: EventData<'var.changed'>, node: string): void {
  const text = `${node} is not synced for ${address}: syncs that follow from values of ${by} are cut after ${MAX_DEPTH} in a row; these values seem to change with each sync of ${node}, or with a task that follows it. \`devops sync ${node}\` applies them`
  turn.note({ repo, node, level: 'error', text })
}

export const onCollaborator =
  (tasker: Tasker) => async (event: BusEvent<'collaborator.changed'>, delivery: Delivery) => {
    const { repo, user } = event.data
    // Who did it is not told; the owner answers for who may enter.
    const cause = accessCause(repo.split('/')[0] ?? user, user)
    await syncRepositories(tasker, [repo], cause, delivery)
  }

/** Keys of a user stand on every node that the user may enter. */
export const onProfile =
  (tasker: Tasker) => async (event: BusEvent<'profile.changed'>, delivery: Delivery) => {
    const { user, what } = event.data
    // Neither opens a door on a node.
    if (what === 'tokens' || what === 'about') return
    const owned = await tasker.bus.ask('git.list_repositories', { owner: user })
    const shared = await tasker.bus.ask('profiles.collaborations', { user })
    const own = shared.filter((collaborator) => collaborator.user === user)
    const repos = new Set([...owned, ...own].map(({ repo }) => repo))
    await syncRepositories(tasker, [...repos], accessCause(user, user), delivery)
  }

const accessCause = (by: string, user: string): Cause => ({
  kind: 'collaborator',
  by,
  detail: user,
  depth: 0,
})

async function syncRepositories(
  tasker: Tasker,
  repos: readonly string[],
  cause: Cause,
  delivery: Delivery,
): Promise<void> {
  await withTips(tasker, repos, tasker.turns.onceOf(delivery), async (turn, tips) => {
    for (const tip of tips) await gatherSyncs(turn, tip, cause)
  })
}

/** A sync that runs may have read the old values already, so another is queued behind it. */
async function gatherSyncs(
  turn: Turn,
  tip: Infrastructure,
  cause: Cause,
  only?: ReadonlySet<string>,
): Promise<void> {
  const { repo, commit } = tip
  for (const [node, fingerprint] of fingerprints(tip)) {
    if (only && !only.has(node)) continue
    await queueSync(turn, { repo, node, commit, fingerprint, cause, run_at: turn.now + GATHERING })
  }
}
