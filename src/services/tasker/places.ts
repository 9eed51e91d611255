import type { Kysely } from 'kysely'
import type { BusEvent, Delivery } from '#bus'
import { defaultSettings, type Settings } from '#contracts/settings.ts'
import { isForgotten } from './deletions.ts'
import type { Tables } from './tables.ts'
import type { Turns } from './turn.ts'

/** How many works may run at once, and how many do. */

/** The settings that bound a repository. */
export type Limits = Pick<Settings, 'runs_at_once' | 'node_works_at_once'>
export type LimitName = keyof Limits

/** Runs of tasks have one limit, what is done to nodes another. */
export const limitNameOf = (kind: string): LimitName =>
  kind === 'run' ? 'runs_at_once' : 'node_works_at_once'

export interface Places {
  /** On the whole platform. */
  limit: number
  running: number
  limitsOf(repo: string): Limits
  runningOf(repo: string): Limits
}

/** Reads what runs and the settings of those who changed them: neither grows with what waits. */
export async function readPlaces(db: Kysely<Tables>, limit: number): Promise<Places> {
  const works = await db
    .selectFrom('tasker_works')
    .select(['repo', 'kind'])
    .where('state', '=', 'running')
    .execute()
  const rows = await db.selectFrom('tasker_limits').selectAll().execute()
  const limits = new Map(rows.map((row) => [row.repo, row]))
  const running = new Map<string, Limits>()
  for (const { repo, kind } of works) {
    const of = running.get(repo) ?? { ...NONE }
    of[limitNameOf(kind)]++
    running.set(repo, of)
  }
  return {
    limit,
    running: works.length,
    limitsOf: (repo) => limits.get(repo) ?? defaultSettings(),
    runningOf: (repo) => running.get(repo) ?? NONE,
  }
}

const NONE: Limits = { runs_at_once: 0, node_works_at_once: 0 }

/** Kept here as they were told, so that a turn asks nobody. */
export const onLimits =
  (turns: Turns) => async (event: BusEvent<'repo.settings_changed'>, delivery: Delivery) => {
    const { repo, settings } = event.data
    const { runs_at_once, node_works_at_once } = settings
    const limits = { runs_at_once, node_works_at_once }
    await turns.once(delivery, async ({ db }) => {
      if (await isForgotten(db, repo, event.time)) return
      await db
        .insertInto('tasker_limits')
        .values({ repo, ...limits })
        .onConflict((conflict) => conflict.column('repo').doUpdateSet(limits))
        .execute()
    })
  }
