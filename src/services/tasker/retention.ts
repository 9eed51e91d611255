import type { Tasker } from './tasker.ts'
import type { Turn } from './turn.ts'

/**
 * What has ended is kept for 90 days, and the newest 1,000 works of a repository longer: a work goes when it is neither.
 * The latest of a node and of a task stay: they say how it is now.
 */
export const KEPT_WORKS = 1000
export const KEPT_TIME = 90 * 24 * 60 * 60_000
/** Milliseconds between two sweeps. */
export const RETENTION_SWEEP = 60 * 60_000
/** Works removed in one transaction: others come in between. */
const BATCH = 200

/** Sweeps old works away, by the clock, until disposed. */
export function createRetention(tasker: Tasker): AsyncDisposable {
  const { clock, log } = tasker
  const stop = new AbortController()
  let sweeping: Promise<void> = Promise.resolve()
  let cancelTimer = clock.after(RETENTION_SWEEP, begin)

  function begin(): void {
    sweeping = sweep(tasker, stop.signal)
      .catch((error: unknown) =>
        log.error({ err: error }, 'old works could not be swept away; the next sweep tries again'),
      )
      .then(() => {
        if (!stop.signal.aborted) cancelTimer = clock.after(RETENTION_SWEEP, begin)
      })
  }

  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      cancelTimer()
      await sweeping
      cancelTimer()
    },
  }
}

async function sweep({ db, clock, turns }: Tasker, signal: AbortSignal): Promise<void> {
  const before = clock.now() - KEPT_TIME
  for (let repo = await repoAfter(db, ''); repo !== undefined; repo = await repoAfter(db, repo)) {
    const here = repo
    while (!signal.aborted && (await turns.take((turn) => removeBatch(turn, here, before))));
  }
}

/** By the index: a list of all repositories would read every work. */
async function repoAfter(db: Tasker['db'], repo: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('tasker_works')
    .select('repo')
    .where('repo', '>', repo)
    .orderBy('repo')
    .limit(1)
    .executeTakeFirst()
  return row?.repo
}

/** Returns whether there may be more. */
async function removeBatch(turn: Turn, repo: string, before: number): Promise<boolean> {
  const oldestKept = await turn.db
    .selectFrom('tasker_works')
    .select('seq')
    .where('repo', '=', repo)
    .orderBy('seq', 'desc')
    .offset(KEPT_WORKS - 1)
    .limit(1)
    .executeTakeFirst()
  if (!oldestKept) return false
  const works = await oldWorks(turn, repo, oldestKept.seq, before)
  await removeWorks(turn, works)
  return works.length === BATCH
}

async function oldWorks({ db }: Turn, repo: string, seq: number, before: number): Promise<string[]> {
  const rows = await db
    .selectFrom('tasker_works as work')
    .select('work.id')
    .where('work.repo', '=', repo)
    .where('work.seq', '<', seq)
    .where('work.ended_at', '<', before)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('tasker_nodes').select('node').whereRef('tasker_nodes.work', '=', 'work.id'))),
    )
    .where(({ or, eb, exists, selectFrom }) =>
      or([
        eb('work.kind', '!=', 'run'),
        exists(
          selectFrom('tasker_works as later')
            .select('later.id')
            .whereRef('later.repo', '=', 'work.repo')
            .whereRef('later.task', '=', 'work.task')
            .whereRef('later.seq', '>', 'work.seq'),
        ),
      ]),
    )
    .orderBy('work.seq')
    .limit(BATCH)
    .execute()
  return rows.map(({ id }) => id)
}

async function removeWorks({ db }: Turn, works: readonly string[]): Promise<void> {
  if (works.length === 0) return
  await db.deleteFrom('tasker_run_steps').where('run', 'in', works).execute()
  await db.deleteFrom('tasker_runs').where('work', 'in', works).execute()
  await db.deleteFrom('tasker_work_nodes').where('work', 'in', works).execute()
  await db.deleteFrom('tasker_works').where('id', 'in', works).execute()
}
