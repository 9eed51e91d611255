import type { BusEvent, Delivery } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Cause, WorkState } from '#contracts/tasker.ts'
import { armSchedules } from './crons/schedules.ts'
import { fingerprints } from './fingerprint.ts'
import { shortCommit } from './lines.ts'
import { queueDestroy, queueSync } from './syncs.ts'
import type { NodeRow } from './tables.ts'
import { type Tasker, tipOf } from './tasker.ts'
import { armTriggers, startTriggered } from './triggers.ts'
import type { Turn } from './turn.ts'

/**
 * Level-triggered: whatever the event says, the nodes are to match the tip. So events that come late, twice or in
 * another order lead to the same end.
 */
export const onPushed =
  (tasker: Tasker, armed: () => void) => async (event: BusEvent<'repo.pushed'>, delivery: Delivery) => {
    const { repo, after, by } = event.data
    const tip = after === null ? undefined : await tipOf(tasker, repo)
    if (!tip) return
    const cause: Cause = { kind: 'push', by, detail: shortCommit(tip.commit), depth: 0 }
    await tasker.turns.once(delivery, async (turn) => {
      await queueNodes(turn, tip, cause)
      await armTriggers(turn, tip)
      await armSchedules(turn, tip)
      await startTriggered(turn, event, tip)
    })
    armed()
  }

export type KnownNode = NodeRow & { state: WorkState }

async function queueNodes(turn: Turn, tip: Infrastructure, cause: Cause): Promise<void> {
  const prints = fingerprints(tip)
  const { repo, commit } = tip
  const { sync, destroy } = decideNodes(prints, await knownNodes(turn, repo))
  for (const node of sync) {
    await queueSync(turn, { repo, node, commit, fingerprint: prints.get(node) ?? '', cause })
  }
  for (const node of destroy) await queueDestroy(turn, { repo, node, commit, cause })
}

const knownNodes = (turn: Turn, repo: string): Promise<KnownNode[]> =>
  turn.db
    .selectFrom('tasker_nodes')
    .innerJoin('tasker_works', 'tasker_works.id', 'tasker_nodes.work')
    .selectAll('tasker_nodes')
    .select('tasker_works.state')
    .where('tasker_nodes.repo', '=', repo)
    .execute()

/** Which nodes must be brought to the tip: what is new, changed, or was not reached the last time; and what is gone. */
export function decideNodes(prints: ReadonlyMap<string, string>, known: readonly KnownNode[]) {
  const rows = new Map(known.map((row) => [row.node, row]))
  const sync = [...prints.keys()].filter((node) => !matches(rows.get(node), prints.get(node)))
  const destroy = known
    .filter(({ node }) => !prints.has(node))
    .filter(needsDestroy)
    .map(({ node }) => node)
  return { sync, destroy }
}

/** A work that waits does not count: it is superseded, so that what comes is the newest commit. */
const matches = (row: KnownNode | undefined, print: string | undefined): boolean =>
  row?.goal === 'present' &&
  row.fingerprint === print &&
  (row.state === 'succeeded' || row.state === 'running')

/** Once ordered, a destroy is repeated only if it failed: who cancelled it wants to keep the server. */
const needsDestroy = (row: KnownNode): boolean => row.goal === 'present' || row.state === 'failed'
