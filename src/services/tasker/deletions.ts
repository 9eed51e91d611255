import type { Kysely } from 'kysely'
import type { BusEvent, Delivery } from '#bus'
import { Problem } from '#kit/problem.ts'
import { describeWithNode } from './lines.ts'
import { cancelWork } from './states.ts'
import type { Tables, WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { moveTip } from './tips.ts'
import type { Turn, Turns } from './turn.ts'

/** Milliseconds in which a closed repository must be deleted; then it is open again, in case git has died meanwhile. */
export const CLOSED = 60_000
const NAMED = 5

/** What runs may be making a server that nobody would know of. Throws `conflict`. */
export async function closeRepository({ turns }: Tasker, repo: string): Promise<void> {
  await turns.take(async (turn) => {
    const running = await worksOf(turn, repo, 'running')
    if (running.length > 0)
      throw new Problem('conflict', {
        reason: `${repo} is being worked on (${named(running)}): wait for the end, or cancel it`,
      })
    await setTip(turn, repo, { closed_until: turn.now + CLOSED })
  })
}

const named = (works: readonly WorkRow[]): string => {
  const shown = works.slice(0, NAMED).map(describeWithNode).join(', ')
  return works.length > NAMED ? `${shown} and ${works.length - NAMED} more` : shown
}

export const reopenRepository = ({ turns }: Tasker, repo: string): Promise<void> =>
  turns.take((turn) => setTip(turn, repo, { closed_until: 0 }))

/** Repositories of which nothing is started now. */
export async function closedRepositories({ db, now }: Turn): Promise<Set<string>> {
  const rows = await db.selectFrom('tasker_tips').select('repo').where('closed_until', '>', now).execute()
  return new Set(rows.map(({ repo }) => repo))
}

export const onDeleted = (turns: Turns) => async (event: BusEvent<'repo.deleted'>, delivery: Delivery) => {
  const { repo, by, at = event.time } = event.data
  await turns.once(delivery, (turn) => forget(turn, repo, at, by))
}

export const forgetRepository = ({ turns }: Tasker, { repo, at }: { repo: string; at: number }) =>
  turns.take((turn) => forget(turn, repo, at, 'the deletion of the repository'))

/** Whether an event of this time is of a repository that has been deleted since, whatever has its name now. */
export async function isForgotten(db: Kysely<Tables>, repo: string, time: number): Promise<boolean> {
  const row = await db
    .selectFrom('tasker_tips')
    .select('forgotten_at')
    .where('repo', '=', repo)
    .executeTakeFirst()
  return row !== undefined && Number(row.forgotten_at) >= time
}

const tables = [
  'tasker_triggers',
  'tasker_limits',
  'tasker_schedules',
  'tasker_deliveries',
  'tasker_watches',
  'tasker_looks',
  'tasker_plans',
  'tasker_nodes',
  'tasker_locks',
  'tasker_work_nodes',
  'tasker_works',
] as const

/**
 * A repository that is gone leaves nothing: neither what it asks for nor what it has done, as another of its name may
 * belong to somebody else. What of it still runs reports to nobody.
 */
async function forget(turn: Turn, repo: string, at: number, by: string): Promise<void> {
  if (await isForgotten(turn.db, repo, at)) return
  for (const work of await worksOf(turn, repo, 'waiting')) await cancelWork(turn, work, by)
  const works = turn.db.selectFrom('tasker_works').select('id').where('repo', '=', repo)
  await turn.db.deleteFrom('tasker_run_steps').where('run', 'in', works).execute()
  await turn.db.deleteFrom('tasker_runs').where('work', 'in', works).execute()
  for (const table of tables) await turn.db.deleteFrom(table).where('repo', '=', repo).execute()
  await moveTip(turn, repo, null)
  await setTip(turn, repo, { closed_until: 0, forgotten_at: at })
}

async function setTip(
  { db }: Turn,
  repo: string,
  set: { closed_until: number; forgotten_at?: number },
): Promise<void> {
  await db
    .insertInto('tasker_tips')
    .values({ repo, version: 0, commit: null, forgotten_at: 0, ...set })
    .onConflict((conflict) => conflict.column('repo').doUpdateSet(set))
    .execute()
}

const worksOf = (turn: Turn, repo: string, state: 'running' | 'waiting'): Promise<WorkRow[]> =>
  turn.db
    .selectFrom('tasker_works')
    .selectAll()
    .where('repo', '=', repo)
    .where('state', '=', state)
    .orderBy('seq')
    .execute()
