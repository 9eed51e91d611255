import { createHash } from 'node:crypto'
import type { Input } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import type { Plan, Work } from '#contracts/tasker.ts'
import { newId } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import { missing } from './answers.ts'
import { fingerprints } from './fingerprint.ts'
import { shortCommit } from './lines.ts'
import { movedNodes } from './moved.ts'
import { toWorks } from './read.ts'
import { takeFor } from './rights.ts'
import { queueSync } from './syncs.ts'
import type { PlanRow, WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { tipOrNotFound, withTip } from './tips.ts'
import type { Turn } from './turn.ts'

/** How long a plan may be applied, in milliseconds. */
export const HOLDS = 24 * 60 * 60_000
/** Reading many servers, one of which may be slow to refuse. */
const LOOK = 110_000

/** Looks at the servers now and keeps what was seen, so that a sync can be held to it. */
export async function makePlan(
  tasker: Tasker,
  { repo, node, by }: Input<'tasker.make_plan'>,
  signal: AbortSignal,
): Promise<Plan> {
  const tip = await tipOrNotFound(tasker, repo)
  const names = tip.nodes.map(({ id }) => id)
  if (node !== undefined && !names.includes(node)) throw missing('node', node, repo, names)
  const nodes = await look(tasker, tip, node === undefined ? undefined : [node], signal)
  const row: PlanRow = await tasker.turns.take(async ({ db, now }) => {
    await db.deleteFrom('tasker_plans').where('expires_at', '<', now).execute()
    const plan = {
      id: newId(now),
      repo,
      by,
      commit: tip.commit ?? '',
      digest: digestOf(tip.commit, nodes),
      nodes: JSON.stringify(nodes),
      created_at: now,
      expires_at: now + HOLDS,
    }
    await db.insertInto('tasker_plans').values(plan).execute()
    return plan
  })
  return toPlan(row)
}

const look = ({ bus }: Tasker, tip: Infrastructure, nodes: string[] | undefined, signal: AbortSignal) =>
  bus.ask(
    'shazam.plan',
    {
      repo: tip.repo,
      live: true,
      ...(tip.commit !== null && { commit: tip.commit }),
      ...(nodes && { nodes }),
    },
    { deadline: LOOK, signal },
  )

/** Of what was seen and what would be done: not of when. */
function digestOf(commit: string | null, nodes: readonly NodePlan[]): string {
  const said = nodes.map(({ node, verdict, digest = '' }) => [node, verdict, digest])
  return createHash('sha256')
    .update(JSON.stringify([commit, said]))
    .digest('hex')
}

export async function getPlan(tasker: Tasker, { repo, plan }: Input<'tasker.get_plan'>): Promise<Plan> {
  const row = await tasker.db
    .selectFrom('tasker_plans')
    .selectAll()
    .where('id', '=', plan)
    .where('repo', '=', repo)
    .executeTakeFirst()
  if (!row || row.expires_at <= tasker.clock.now())
    throw new Problem('not_found', { what: `plan ${plan} in ${repo}: a plan holds for a day` })
  return toPlan(row)
}

const toPlan = ({ nodes, ...row }: PlanRow): Plan => ({ ...row, nodes: JSON.parse(nodes) })

/** Does what a plan said. Looked at twice: here, to say at once what has moved, and on the node before it is touched. */
export async function syncPlan(
  tasker: Tasker,
  { repo, plan: id, by }: Input<'tasker.sync_plan'>,
  signal: AbortSignal,
): Promise<Work[]> {
  const plan = await getPlan(tasker, { repo, plan: id })
  const tip = await tipOrNotFound(tasker, repo)
  const moved = await whatMoved(tasker, plan, tip, signal)
  if (moved.length > 0) throw new Problem('plan_moved', { plan: id, reason: moved.join('; ') })
  const cause = { kind: 'hand' as const, by, detail: `plan ${id}`, depth: 0 }
  const act = async (turn: Turn, now: Infrastructure): Promise<WorkRow[]> => {
    // While the servers were looked at, somebody may have pushed.
    const moved = movedTip(plan, now)
    if (moved !== undefined) throw new Problem('plan_moved', { plan: id, reason: moved })
    const prints = fingerprints(now)
    const works: WorkRow[] = []
    for (const { node, verdict, digest } of plan.nodes) {
      if (!digest || verdict === 'no change') continue
      const wish = { repo, node, commit: now.commit, fingerprint: prints.get(node) ?? '', cause }
      // Whoever applies a plan has read that it replaces the server.
      const agreed = verdict === 'replace'
      works.push(await queueSync(turn, { ...wish, agreed, promised: { plan: id, verdict, digest } }))
    }
    return works
  }
  return toWorks(tasker, await withTip(tasker, repo, act, takeFor(tasker, by, 'node.sync', repo)))
}

const movedTip = (plan: Plan, tip: Infrastructure): string | undefined =>
  tip.commit === plan.commit
    ? undefined
    : `the servers are to follow ${shortCommit(tip.commit)} now, the plan is of ${shortCommit(plan.commit)}`

async function whatMoved(
  tasker: Tasker,
  plan: Plan,
  tip: Infrastructure,
  signal: AbortSignal,
): Promise<string[]> {
  const movedOn = movedTip(plan, tip)
  if (movedOn !== undefined) return [movedOn]
  const looked = plan.nodes.filter(({ verdict }) => verdict !== 'destroy')
  const blind = looked.filter(({ verdict }) => verdict === 'unknown')
  if (blind.length > 0)
    return blind.map(
      ({ node, reason }) => `${node} could not be looked at: ${reason ?? 'no reason is known'}`,
    )
  const nodes = looked.map(({ node }) => node)
  return nodes.length === 0 ? [] : movedNodes(looked, await look(tasker, tip, nodes, signal))
}
