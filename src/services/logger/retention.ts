import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'

export interface RetentionOptions {
  /** Milliseconds that a line is kept; 30 days when absent. */
  keepFor?: number
  /** Lines kept of one repository; 1,000,000 when absent. */
  keepLines?: number
  /** Milliseconds between two sweeps; ten minutes when absent. */
  sweepEvery?: number
}

const DAY = 24 * 60 * 60_000
/** Lines deleted in one transaction: appends come in between. */
const BATCH = 5000

/** Sweeps old lines away, by the clock, until disposed. */
export function createRetention(
  { store: any, clock, log }: Parts,
  options: RetentionOptions,
): AsyncDisposable {
  const { keepFor = 30 * DAY, keepLines = 1_000_000, sweepEvery = 10 * 60_000 } = options
  const store = any.as<Tables>()
  const stopping = new AbortController()
  let sweeping: Promise<void> = Promise.resolve()
  let undo = clock.after(sweepEvery, begin)

  function begin(): void {
    sweeping = sweep(store, { before: clock.now() - keepFor, keepLines }, stopping.signal)
      .catch((error: unknown) =>
        log.error({ err: error }, 'old lines could not be swept away; the next sweep tries again'),
      )
      .then(() => {
        if (!stopping.signal.aborted) undo = clock.after(sweepEvery, begin)
      })
  }

  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      undo()
      await sweeping
    },
  }
}

export async function sweep(
  store: Store<Tables>,
  { before, keepLines }: { before: number; keepLines: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && (await deleteOlder(store, before)) === BATCH);
  for (let repo = await findNextRepo(store, ''); repo !== undefined; repo = await findNextRepo(store, repo)) {
    const cut = await findCut(store, repo, keepLines)
    while (!signal.aborted && (await deleteUpTo(store, repo, cut)) === BATCH);
  }
}

/** One by one along the index: `distinct` would read every line. */
async function findNextRepo({ db }: Store<Tables>, after: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('logger_lines')
    .select('repo')
    .where('repo', '>', after)
    .orderBy('repo')
    .limit(1)
    .executeTakeFirst()
  return row?.repo
}

/** The newest sequence number that is one too many; 0 when none is. */
async function findCut({ db }: Store<Tables>, repo: string, keepLines: number): Promise<number> {
  const row = await db
    .selectFrom('logger_lines')
    .select('seq')
    .where('repo', '=', repo)
    .orderBy('seq', 'desc')
    .offset(keepLines)
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? 0
}

/** Deletes a batch and returns its size. */
const deleteOlder = (store: Store<Tables>, before: number): Promise<number> =>
  store.transaction(async (tx) => {
    const rows = await tx.db
      .selectFrom('logger_lines')
      .select(['repo', 'seq'])
      .where('at', '<', before)
      .orderBy('at')
      .limit(BATCH)
      .execute()
    for (const [repo, group] of Map.groupBy(rows, (row) => row.repo)) await deleteLines(tx, repo, group)
    return rows.length
  })

/** Deletes a batch and returns its size. */
const deleteUpTo = (store: Store<Tables>, repo: string, cut: number): Promise<number> =>
  store.transaction(async (tx) => {
    const rows = await tx.db
      .selectFrom('logger_lines')
      .select('seq')
      .where('repo', '=', repo)
      .where('seq', '<=', cut)
      .orderBy('seq')
      .limit(BATCH)
      .execute()
    await deleteLines(tx, repo, rows)
    return rows.length
  })

async function deleteLines(tx: Tx<Tables>, repo: string, rows: readonly { seq: number }[]): Promise<void> {
  if (rows.length === 0) return
  await tx.db
    .deleteFrom('logger_lines')
    .where('repo', '=', repo)
    .where(
      'seq',
      'in',
      rows.map(({ seq }) => seq),
    )
    .execute()
}
