import type { Promised } from '#contracts/shazam.ts'
import type { Cause } from '#contracts/tasker.ts'
import { causeSentence, describeWork } from './lines.ts'
import { reschedule } from './queue.ts'
import { supersedeWork } from './states.ts'
import { causeOf, type NodeRow, type WorkRow } from './tables.ts'
import type { Turn } from './turn.ts'
import { insertWork, waitingNodeWork } from './works.ts'

/** What a node should be made to match. */
export interface SyncWish {
  repo: string
  node: string
  commit: string | null
  fingerprint: string
  cause: Cause
  /** Milliseconds since the epoch; at once when absent. */
  run_at?: number
  /** The plan that the sync is held to. */
  promised?: Promised
  /** Somebody agrees that the server may be lost; else only what was agreed to for the same goal counts. */
  agreed?: boolean
}

export type DestroyWish = Omit<SyncWish, 'fingerprint'>

/**
 * Level-triggered: a waiting work reads everything when it starts, so one that wishes the same is kept, and any other
 * that waits is superseded. At most one sync or destroy of a node waits.
 */
export async function queueSync(turn: Turn, wish: SyncWish): Promise<WorkRow> {
  const waiting = await waitingNodeWork(turn.db, wish.repo, wish.node)
  if (waiting && sameWish(waiting, wish)) {
    await deepen(turn, waiting, wish.cause.depth)
    if (wish.agreed) await agree(turn, wish)
    return bringForward(turn, waiting, wish.run_at ?? turn.now)
  }
  return queueNodeWork(turn, { ...wish, kind: 'sync', goal: 'present' }, waiting)
}

/** The node left the repository: its server goes, and a sync that waits is no longer wanted. */
export async function queueDestroy(turn: Turn, wish: DestroyWish): Promise<WorkRow> {
  const waiting = await waitingNodeWork(turn.db, wish.repo, wish.node)
  if (waiting?.kind === 'destroy' && waiting.attempt === 1) {
    if (wish.agreed) await agree(turn, wish)
    return bringForward(turn, waiting, turn.now)
  }
  return queueNodeWork(turn, { ...wish, kind: 'destroy', goal: 'absent', fingerprint: '' }, waiting)
}

const sameWish = (waiting: WorkRow, wish: SyncWish) =>
  waiting.kind === 'sync' &&
  waiting.commit === wish.commit &&
  waiting.attempt === 1 &&
  // What is held to a plan may refuse to do what another wishes, and the other way round.
  waiting.promised === null &&
  wish.promised === undefined

/** A sync that serves two causes stands as deep as the deeper one: else a loop would begin again at each join. */
async function deepen(turn: Turn, work: WorkRow, depth: number): Promise<void> {
  const cause = causeOf(work)
  if (cause.depth >= depth) return
  await turn.db
    .updateTable('tasker_works')
    .set({ cause: JSON.stringify({ ...cause, depth }) })
    .where('id', '=', work.id)
    .execute()
}

async function bringForward(turn: Turn, work: WorkRow, run_at: number): Promise<WorkRow> {
  if (work.run_at <= run_at) return work
  await reschedule(turn, work.id, run_at)
  return { ...work, run_at }
}

type NodeWish = SyncWish & Pick<NodeRow, 'goal'> & { kind: 'sync' | 'destroy' }

async function queueNodeWork(turn: Turn, wish: NodeWish, waiting?: WorkRow): Promise<WorkRow> {
  const cause = { ...wish.cause, depth: depthAfter(wish.cause, waiting) }
  const work = await insertWork(turn, { ...wish, cause, nodes: [wish.node] })
  if (waiting) await supersede(turn, waiting, work)
  const { repo, node, goal, fingerprint } = wish
  const agreed = wish.agreed || (await agreedBefore(turn, wish)) ? (1 as const) : (0 as const)
  await turn.db
    .insertInto('tasker_nodes')
    .values({ repo, node, goal, fingerprint, work: work.id, synced_commit: null, agreed })
    .onConflict((conflict) =>
      conflict.columns(['repo', 'node']).doUpdateSet({ goal, fingerprint, work: work.id, agreed }),
    )
    .execute()
  const text = `${describeWork(work)} queued: ${causeSentence(work)}`
  turn.note({ repo, node, work: work.id, level: 'info', text })
  return work
}

/** What takes the place of another serves its cause too, unless a person wishes it: that is a beginning. */
const depthAfter = ({ kind, depth }: Cause, waiting?: WorkRow): number =>
  waiting && kind !== 'push' && kind !== 'hand' ? Math.max(depth, causeOf(waiting).depth) : depth

/** Agreement holds for the goal that it was given for: of another descriptor nobody knows yet what it would lose. */
async function agreedBefore({ db }: Turn, { repo, node, goal, fingerprint }: NodeWish): Promise<boolean> {
  const row = await db
    .selectFrom('tasker_nodes')
    .selectAll()
    .where('repo', '=', repo)
    .where('node', '=', node)
    .executeTakeFirst()
  return row?.agreed === 1 && row.goal === goal && row.fingerprint === fingerprint
}

/** Of a node that has work already. */
export async function agree({ db }: Turn, { repo, node }: Pick<NodeRow, 'repo' | 'node'>): Promise<void> {
  await db
    .updateTable('tasker_nodes')
    .set({ agreed: 1 })
    .where('repo', '=', repo)
    .where('node', '=', node)
    .execute()
}

async function supersede(turn: Turn, old: WorkRow, next: WorkRow): Promise<void> {
  await supersedeWork(turn, old)
  const text = `${describeWork(old)} is superseded by ${describeWork(next)}`
  const [node] = JSON.parse(old.nodes) as string[]
  turn.note({ repo: old.repo, node, work: old.id, level: 'info', text })
}
