import type { Infrastructure } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import type { TipRow } from './tables.ts'
import { type Tasker, tipOf } from './tasker.ts'
import type { Turn } from './turn.ts'

/**
 * Git is asked before a turn, as no turn may wait for a neighbour, and until its turn comes a newer commit may have been
 * queued, or the repository deleted. So each commit that is queued moves a number, and whoever asked before the number
 * moved asks again: a commit older than the newest one is never queued.
 */

/** A repository moves on while it is read; so often in a row it does not. */
const ROUNDS = 50

export interface Seen {
  repo: string
  /** Read before `tip`, so that the tip is at least as new as what the number stands for. */
  version: number
  tip: Infrastructure | undefined
}

/** What was asked before a turn does not hold in it. */
export class Moved extends Error {}

/**
 * Takes a turn with what repositories say at their tips; those without a commit are left out. `take` runs its argument
 * in a turn: `turns.take`, or `turns.once` of a delivery.
 */
export async function withTips<T>(
  tasker: Tasker,
  repos: readonly string[],
  take: (act: (turn: Turn) => Promise<T>) => Promise<T>,
  act: (turn: Turn, tips: readonly Infrastructure[]) => Promise<T>,
): Promise<T> {
  return untilStill(async () => {
    const seen = await Promise.all(repos.map((repo) => seeTip(tasker, repo)))
    return take(async (turn) => {
      for (const one of seen) await holdTip(turn, one)
      return act(
        turn,
        seen.flatMap(({ tip }) => tip ?? []),
      )
    })
  })
}

/** Repeats what saw a tip and could not hold it in its turn. */
export async function untilStill<T>(act: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof Moved) || round === ROUNDS) throw error
    }
  }
}

/** The same of one repository. Throws `not_found` when it has no commit. */
export const withTip = <T>(
  tasker: Tasker,
  repo: string,
  act: (turn: Turn, tip: Infrastructure) => Promise<T>,
  take: (act: (turn: Turn) => Promise<T>) => Promise<T> = tasker.turns.take,
): Promise<T> =>
  withTips(tasker, [repo], take, async (turn, [tip]) => {
    if (!tip) throw noTip(repo)
    return act(turn, tip)
  })

export async function tipOrNotFound(tasker: Tasker, repo: string): Promise<Infrastructure> {
  const tip = await tipOf(tasker, repo)
  if (!tip) throw noTip(repo)
  return tip
}

const noTip = (repo: string) => new Problem('not_found', { what: `commit in ${repo}: push one first` })

export async function seeTip(tasker: Tasker, repo: string): Promise<Seen> {
  const row = await findTip(tasker.db, repo)
  return { repo, version: row?.version ?? 0, tip: await tipOf(tasker, repo) }
}

/** Throws what `untilStill` waits for when a newer commit was queued since, or the repository deleted. */
export async function holdTip(turn: Turn, { repo, version, tip }: Seen): Promise<void> {
  const row = await findTip(turn.db, repo)
  if ((row?.version ?? 0) !== version) throw new Moved(`${repo} has moved on`)
  if (tip && row?.commit !== tip.commit) await moveTip(turn, repo, tip.commit)
}

const findTip = (db: Turn['db'] | Tasker['db'], repo: string): Promise<TipRow | undefined> =>
  db.selectFrom('tasker_tips').selectAll().where('repo', '=', repo).executeTakeFirst()

/** The row outlives its repository: what was read before the deletion is not queued after it. */
export async function moveTip({ db }: Turn, repo: string, commit: string | null): Promise<void> {
  await db
    .insertInto('tasker_tips')
    .values({ repo, version: 1, commit, closed_until: 0, forgotten_at: 0 })
    .onConflict((conflict) =>
      conflict.column('repo').doUpdateSet((eb) => ({ version: eb('tasker_tips.version', '+', 1), commit })),
    )
    .execute()
}
