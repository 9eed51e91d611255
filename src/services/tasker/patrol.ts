import type { BusEvent, Delivery } from '#bus'
import { defaultSettings } from '#contracts/settings.ts'
import { isProblem } from '#kit/problem.ts'
import { isForgotten } from './deletions.ts'
import { recordLook } from './drift.ts'
import { latestSlot } from './slots.ts'
import type { NodeRow, WatchRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { holdTip, seeTip, untilStill } from './tips.ts'
import type { Turn } from './turn.ts'
import { findWorks } from './works.ts'

/** Milliseconds between two questions whose turn it is, at most. */
const LONGEST = 60_000
const SHORTEST = 250
/** Nodes that are looked at at the same time: after a long rest all are due. */
const AT_ONCE = 4
/** So that the list of 10,000 nodes is read every two seconds, at most. */
const NODES_A_MILLISECOND = 5
const LOOK = 60_000

interface Due {
  node: NodeRow
  watch: WatchRow
  /** When its turn comes, or came. */
  at: number
}

/**
 * Looks for drift at each node in its turn. A look only reads, so it takes no lock: instead, what it found is dropped
 * when anything worked on the node in the meantime.
 */
export function createPatrol(tasker: Tasker): AsyncDisposable & { poke(): void } {
  const { clock, log } = tasker
  const stop = new AbortController()
  let round: Promise<void> | undefined
  let cancelTimer = clock.after(SHORTEST, poke)

  function poke(): void {
    if (round || stop.signal.aborted) return
    cancelTimer()
    round = patrol(tasker, stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) log.error({ err: error }, 'drift could not be looked for')
        return clock.now() + LONGEST
      })
      .then((next) => {
        round = undefined
        if (stop.signal.aborted) return
        const wait = Math.min(LONGEST, Math.max(SHORTEST, next - clock.now()))
        cancelTimer = clock.after(wait, poke)
      })
  }

  return {
    poke,
    async [Symbol.asyncDispose]() {
      stop.abort()
      cancelTimer()
      await round
      cancelTimer()
    },
  }
}

/** Looks at all that are due. Returns when the next one is. */
async function patrol(tasker: Tasker, signal: AbortSignal): Promise<number> {
  const now = tasker.clock.now()
  const all = await listTurns(tasker, now)
  const due = all.filter(({ at }) => at <= now)
  const queue = due.values()
  const walk = async () => {
    for (const one of queue) if (!signal.aborted) await lookAt(tasker, one, signal)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, walk))
  const next = all.reduce((first, { at }) => (at > now && at < first ? at : first), Number.POSITIVE_INFINITY)
  // A long list is not read for each of its nodes.
  return Math.max(next, now + all.length / NODES_A_MILLISECOND)
}

/** Nodes that are as they should be, as far as is known, and whose repository wants them looked at. */
async function listTurns({ db }: Tasker, now: number): Promise<Due[]> {
  const watches = await readWatches(db)
  const turns: Due[] = []
  for (let page = await readPage(db); page.length > 0; page = await readPage(db, page.at(-1)))
    for (const { node, seen } of await seenOf(db, page)) {
      const watch = watches.get(node.repo) ?? defaults(node.repo)
      const interval = watch.interval * 1000
      if (interval === 0) continue
      const slot = latestSlot(node.repo, node.node, interval, now)
      turns.push({ node, watch, at: slot > seen ? slot : slot + interval })
    }
  return turns
}

/** Nodes that one statement reads: others come in between. */
const PAGE = 500

const readPage = (db: Tasker['db'], after?: Pick<NodeRow, 'repo' | 'node'>): Promise<NodeRow[]> =>
  db
    .selectFrom('tasker_nodes')
    .selectAll()
    .where((eb) => eb(eb.refTuple('repo', 'node'), '>', eb.tuple(after?.repo ?? '', after?.node ?? '')))
    .orderBy('repo')
    .orderBy('node')
    .limit(PAGE)
    .execute()

/** When each was last looked at or worked on; of those alone that a sync has made. */
async function seenOf(
  db: Tasker['db'],
  page: readonly NodeRow[],
): Promise<{ node: NodeRow; seen: number }[]> {
  const made = page.filter(({ goal, synced_commit }) => goal === 'present' && synced_commit !== null)
  if (made.length === 0) return []
  const works = await findWorks(
    db,
    made.map(({ work }) => work),
  )
  const looks = await db
    .selectFrom('tasker_looks')
    .select(['repo', 'node', 'looked_at'])
    .where('repo', 'in', [...new Set(made.map(({ repo }) => repo))])
    .execute()
  const looked = new Map(looks.map(({ repo, node, looked_at }) => [`${repo}/${node}`, Number(looked_at)]))
  return made.flatMap((node) => {
    const work = works.get(node.work)
    if (work?.state !== 'succeeded') return []
    return { node, seen: Math.max(looked.get(`${node.repo}/${node.node}`) ?? 0, Number(work.ended_at ?? 0)) }
  })
}

async function readWatches(db: Tasker['db']): Promise<Map<string, WatchRow>> {
  const rows = await db.selectFrom('tasker_watches').selectAll().execute()
  return new Map(rows.map((row) => [row.repo, row]))
}

function defaults(repo: string): WatchRow {
  const { drift_interval, heal } = defaultSettings()
  return { repo, interval: drift_interval, heal: heal ? 1 : 0 }
}

async function lookAt(tasker: Tasker, { node, watch }: Due, signal: AbortSignal): Promise<void> {
  const { bus, clock, turns, log } = tasker
  const { repo, node: name, synced_commit: commit } = node
  if (commit === null) return
  const started = clock.now()
  try {
    const { fields } = await bus.ask('shazam.drift', { repo, node: name, commit }, { deadline: LOOK, signal })
    await untilStill(async () => {
      // Healed by what the repository says now, not by the commit that the node was last synced with.
      const seen = fields.length > 0 && watch.heal === 1 ? await seeTip(tasker, repo) : undefined
      await turns.take(async (turn) => {
        if (seen) await holdTip(turn, seen)
        if (await wasUntouched(turn, node, started)) await recordLook(turn, node, fields, seen?.tip)
      })
    })
  } catch (error) {
    if (signal.aborted) return
    // A node that is away is monitor's matter; the next turn comes.
    log[isProblem(error) ? 'debug' : 'error']({ err: error, repo, node: name }, 'no look for drift')
    await turns.take((turn) => markLook(turn, node))
  }
}

/** Nothing worked on it since: else what was read may be half of the one and half of the other. */
async function wasUntouched({ db }: Turn, node: NodeRow, since: number): Promise<boolean> {
  const touched = await db
    .selectFrom('tasker_work_nodes')
    .innerJoin('tasker_works', 'tasker_works.id', 'tasker_work_nodes.work')
    .select('tasker_works.id')
    .where('tasker_work_nodes.repo', '=', node.repo)
    .where('tasker_work_nodes.node', '=', node.node)
    .where((eb) =>
      eb.or([
        eb('tasker_works.state', 'in', ['waiting', 'running']),
        eb('tasker_works.changed_at', '>=', since),
      ]),
    )
    .executeTakeFirst()
  return touched === undefined
}

async function markLook({ db, now }: Turn, { repo, node }: NodeRow): Promise<void> {
  await db
    .insertInto('tasker_looks')
    .values({ repo, node, looked_at: now, drift: null, since: null })
    .onConflict((conflict) => conflict.columns(['repo', 'node']).doUpdateSet({ looked_at: now }))
    .execute()
}

export const onSettings =
  (tasker: Tasker, poke: () => void) =>
  async (event: BusEvent<'repo.settings_changed'>, delivery: Delivery) => {
    const { repo, settings } = event.data
    const watch = { interval: settings.drift_interval, heal: settings.heal ? (1 as const) : (0 as const) }
    await tasker.turns.once(delivery, async ({ db }) => {
      if (await isForgotten(db, repo, event.time)) return
      await db
        .insertInto('tasker_watches')
        .values({ repo, ...watch })
        .onConflict((conflict) => conflict.column('repo').doUpdateSet(watch))
        .execute()
    })
    poke()
  }
