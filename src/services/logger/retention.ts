import type { Bus } from '#bus'
import { platformLines } from '#contracts/logger.ts'
import { defaultSettings, type Settings } from '#contracts/settings.ts'
import { isProblem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import { sweepForgotten } from './forget.ts'
import type { Tables } from './tables.ts'
import { removeFromIndex } from './text.ts'

/** How much is kept of one repository. */
export interface Keep {
  /** Milliseconds that a line is kept. */
  age: number
  /** Bytes of text. */
  size: number
}

export interface RetentionOptions {
  /** What a repository keeps; by its settings when absent. */
  keepOf?: (repo: string) => Promise<Keep>
  /** Milliseconds between two sweeps; ten minutes when absent. */
  sweepEvery?: number
}

const DAY = 24 * 60 * 60_000
const MEGABYTE = 1024 * 1024

/** Throws when the settings cannot be had: better too many lines than too few. */
async function keptBySettings(bus: Bus, repo: string): Promise<Keep> {
  const { log_days, log_megabytes } = await settingsOf(bus, repo)
  return { age: log_days * DAY, size: log_megabytes * MEGABYTE }
}

/** The platform's own lines, and those of a repository that is gone, are kept as by default. */
async function settingsOf(bus: Bus, repo: string): Promise<Settings> {
  if (repo === platformLines) return defaultSettings()
  try {
    return await bus.ask('git.get_settings', { repo })
  } catch (error) {
    if (isProblem(error, 'not_found')) return defaultSettings()
    throw error
  }
}

/** Lines deleted in one transaction: appends come in between. */
const BATCH = 5000

/** Sweeps old lines away, by the clock, until disposed. What was swept is counted: a reader is told of the gap. */
export function createRetention(
  { store: any, bus, clock, log }: Parts,
  { keepOf = (repo) => keptBySettings(bus, repo), sweepEvery = 10 * 60_000 }: RetentionOptions,
): AsyncDisposable {
  const store = any.as<Tables>()
  const stopping = new AbortController()
  let sweeping: Promise<void> = Promise.resolve()
  let undo = clock.after(sweepEvery, begin)

  function begin(): void {
    sweeping = sweepAll()
      .catch((error: unknown) =>
        log.error({ err: error }, 'old lines could not be swept away; the next sweep tries again'),
      )
      .then(() => {
        if (!stopping.signal.aborted) undo = clock.after(sweepEvery, begin)
      })
  }

  async function sweepAll(): Promise<void> {
    while (!stopping.signal.aborted && (await sweepForgotten(store)));
    for (const repo of await findRepos(store)) {
      const keep = await keepOf(repo)
      const { signal } = stopping
      while (!signal.aborted && (await sweepOlder(store, repo, clock.now() - keep.age)));
      while (!signal.aborted && (await sweepLargest(store, repo, keep.size)));
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      undo()
      await sweeping
    },
  }
}

const findRepos = async ({ db }: Store<Tables>): Promise<string[]> =>
  (await db.selectFrom('logger_usage').select('repo').where('lines', '>', 0).execute()).map(
    ({ repo }) => repo,
  )

/** Removes a batch of lines from before a time, oldest numbers first. Whether there may be more. */
const sweepOlder = (store: Store<Tables>, repo: string, before: number): Promise<boolean> =>
  store.transaction(async (tx) => {
    const rows = await oldest(tx, repo)
    // Numbers and times go together but for the moments that a line was on its way.
    const young = rows.findIndex(({ at }) => at >= before)
    const old = young < 0 ? rows : rows.slice(0, young)
    await removeLines(tx, repo, old)
    return old.length === BATCH
  })

/** Removes a batch of lines that are too many. Whether there may be more. */
const sweepLargest = (store: Store<Tables>, repo: string, size: number): Promise<boolean> =>
  store.transaction(async (tx) => {
    const usage = await tx.db
      .selectFrom('logger_usage')
      .select('size')
      .where('repo', '=', repo)
      .executeTakeFirst()
    let over = (usage?.size ?? 0) - size
    if (over <= 0) return false
    const rows = await oldest(tx, repo)
    const end = rows.findIndex((row) => {
      over -= row.size
      return over <= 0
    })
    await removeLines(tx, repo, end < 0 ? rows : rows.slice(0, end + 1))
    return end < 0 && rows.length === BATCH
  })

interface Measured {
  seq: number
  at: number
  size: number
}

const oldest = (tx: Tx<Tables>, repo: string): Promise<Measured[]> =>
  tx.db
    .selectFrom('logger_lines')
    .select((row) => ['seq', 'at', row.fn<number>('octet_length', ['text']).as('size')])
    .where('repo', '=', repo)
    .orderBy('seq')
    .limit(BATCH)
    .execute()

async function removeLines(tx: Tx<Tables>, repo: string, rows: readonly Measured[]): Promise<void> {
  const last = rows.at(-1)
  if (!last) return
  await tx.db.deleteFrom('logger_lines').where('repo', '=', repo).where('seq', '<=', last.seq).execute()
  await removeFromIndex(
    tx,
    rows.map(({ seq }) => seq),
  )
  const size = rows.reduce((sum, row) => sum + row.size, 0)
  await tx.db
    .updateTable('logger_usage')
    .set((usage) => ({
      lines: usage('lines', '-', rows.length),
      size: usage('size', '-', size),
      removed_lines: usage('removed_lines', '+', rows.length),
      removed_until: last.seq,
    }))
    .where('repo', '=', repo)
    .execute()
}
