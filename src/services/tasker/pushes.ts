import type { BusEvent, Delivery } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Agreed } from '#contracts/git.ts'
import type { Cause, WorkState } from '#contracts/tasker.ts'
import { armSchedules } from './crons/schedules.ts'
import { fingerprints } from './fingerprint.ts'
import { shortCommit } from './lines.ts'
import { queueDestroy, queueSync } from './syncs.ts'
import type { NodeRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { withTips } from './tips.ts'
import { armTriggers, startTriggered } from './triggers.ts'
import type { Turn } from './turn.ts'

/**
 * Level-triggered: whatever the event says, the nodes are to match the tip. So events that come late, twice or in
 * another order lead to the same end. Only the event of the tip itself moves nodes: it alone says to which losses
 * whoever pushed has agreed.
 */
export const onPushed =
  (tasker: Tasker, armed: () => void) => async (event: BusEvent<'repo.pushed'>, delivery: Delivery) => {
    const { repo, after } = event.data
    if (after === null) return
    const recorded = await nodesWithServer(tasker, repo)
    await withTips(tasker, [repo], tasker.turns.onceOf(delivery), async (turn, [tip]) => {
      if (!tip) return
      if (tip.commit === after) await queueNodes(turn, tip, event.data, recorded)
      await armTriggers(turn, tip)
      await armSchedules(turn, tip)
      await startTriggered(turn, event, tip)
    })
    armed()
  }

/** By the registry: a server that no work here knows of is destroyed as well once its node has left. */
async function nodesWithServer({ bus }: Tasker, repo: string): Promise<string[]> {
  const records = await bus.ask('registry.list_nodes', { repo })
  return records.flatMap((record) => (record.server && record.repo === repo ? [record.node] : []))
}

export type KnownNode = NodeRow & { state: WorkState }

async function queueNodes(
  turn: Turn,
  tip: Infrastructure,
  { by, agreed }: BusEvent<'repo.pushed'>['data'],
  recorded: readonly string[],
): Promise<void> {
  const prints = fingerprints(tip)
  const { repo, commit } = tip
  const cause: Cause = { kind: 'push', by, detail: shortCommit(commit), depth: 0 }
  const { sync, destroy } = decideNodes(prints, await knownNodes(turn, repo), { agreed, recorded })
  for (const node of sync) {
    const fingerprint = prints.get(node) ?? ''
    await queueSync(turn, { repo, node, commit, fingerprint, cause, agreed: covers(agreed?.replace, node) })
  }
  for (const node of destroy)
    await queueDestroy(turn, { repo, node, commit, cause, agreed: covers(agreed?.destroy, node) })
}

const knownNodes = (turn: Turn, repo: string): Promise<KnownNode[]> =>
  turn.db
    .selectFrom('tasker_nodes')
    .innerJoin('tasker_works', 'tasker_works.id', 'tasker_nodes.work')
    .selectAll('tasker_nodes')
    .select('tasker_works.state')
    .where('tasker_nodes.repo', '=', repo)
    .execute()

interface Told {
  agreed?: Agreed | undefined
  /** Nodes of which the registry has a server. */
  recorded?: readonly string[]
}

/** Which nodes must be brought to the tip: what is new, changed, or was not reached the last time; and what is gone. */
export function decideNodes(
  prints: ReadonlyMap<string, string>,
  known: readonly KnownNode[],
  { agreed, recorded = [] }: Told = {},
) {
  const rows = new Map(known.map((row) => [row.node, row]))
  const sync = [...prints.keys()].filter((node) => {
    const row = rows.get(node)
    return !matches(row, prints.get(node)) || lacksConsent(row, covers(agreed?.replace, node))
  })
  const left = known
    .filter(({ node }) => !prints.has(node))
    .filter((row) => needsDestroy(row, covers(agreed?.destroy, row.node)))
    .map(({ node }) => node)
  const unknown = recorded.filter((node) => !prints.has(node) && !rows.has(node))
  return { sync, destroy: [...left, ...unknown] }
}

const covers = (nodes: readonly string[] | undefined, node: string): boolean =>
  nodes !== undefined && (nodes.includes(node) || nodes.includes('all'))

/** A work that waits does not count: it is superseded, so that what comes is the newest commit. */
const matches = (row: KnownNode | undefined, print: string | undefined): boolean =>
  row?.goal === 'present' &&
  row.fingerprint === print &&
  (row.state === 'succeeded' || row.state === 'running')

/** Its work was queued before the push that agrees to what it may lose was heard of. */
const lacksConsent = (row: KnownNode | undefined, agrees: boolean): boolean =>
  agrees && row?.agreed === 0 && (row.state === 'running' || row.state === 'waiting')

/**
 * Once ordered, a destroy is repeated only if it failed: who cancelled it wants to keep the server. One that failed for
 * want of consent would fail again.
 */
const needsDestroy = (row: KnownNode, agrees: boolean): boolean =>
  row.goal === 'present' ||
  (row.state === 'failed' && (row.agreed === 1 || agrees)) ||
  lacksConsent(row, agrees)
