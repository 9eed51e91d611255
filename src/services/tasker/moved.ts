import { isDeepStrictEqual } from 'node:util'
import type { Change, NodePlan } from '#contracts/shazam.ts'

const SHOWN = 5

/** Sentences on what two looks at the same nodes differ in; none when they come to the same. Pure. */
export function movedNodes(before: readonly NodePlan[], after: readonly NodePlan[]): string[] {
  const now = new Map(after.map((plan) => [plan.node, plan]))
  return before.flatMap((plan) => movedNode(plan, now.get(plan.node)) ?? [])
}

function movedNode(before: NodePlan, after: NodePlan | undefined): string | undefined {
  const { node, verdict } = before
  if (!after) return `${node} is not there any more`
  if (after.verdict === verdict && after.digest === before.digest) return undefined
  if (after.verdict === 'unknown') return `${node} could not be looked at: ${after.reason}`
  const changes = movedChanges(before.changes, after.changes)
  if (changes.length > 0) return `${node}: ${some(changes)}`
  if (after.verdict !== verdict) return `${node} was \`${verdict}\`, is \`${after.verdict}\``
  return `${node}: what is to be changed there is not what it was`
}

function movedChanges(before: readonly Change[], after: readonly Change[]): string[] {
  const old = new Map(before.map((change) => [change.resource, change]))
  const now = new Set(after.map(({ resource }) => resource))
  return [
    ...after.filter((change) => !isDeepStrictEqual(old.get(change.resource), change)).map(said),
    ...before
      .filter(({ resource, verdict }) => verdict !== 'no change' && !now.has(resource))
      .map(({ resource }) => `${resource} is not concerned any more`),
  ]
}

const said = ({ resource, verdict, summary }: Change): string =>
  verdict === 'no change' ? `${resource} needs no change any more` : `now also or otherwise: ${summary}`

const some = (sentences: readonly string[]): string =>
  sentences.length > SHOWN
    ? `${sentences.slice(0, SHOWN).join(', ')} and ${sentences.length - SHOWN} more`
    : sentences.join(', ')
