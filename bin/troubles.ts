import { statfs } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Bus } from '#bus'
import type { Store } from '#store'

interface Trouble {
  reason: string
  final?: boolean
}

/** Bytes without which the next push or run may be refused. */
const LEAST = 4 * 1024 * 1024
/** Milliseconds between two tries to write, however many ask. */
const TRY_EVERY = 1_000

/** What keeps the platform from its work: looks at the disk, and at what of the store and the bus did not work last. */
export function createTroubles(parts: {
  folder: string
  store: Store
  bus: Bus
  broken(): boolean
}): () => Promise<readonly Trouble[]> {
  const { folder, store, bus } = parts
  let tried = Number.NEGATIVE_INFINITY
  let trying: Promise<void> | undefined

  /** A store that was full is so until something is written: when nobody else writes, this does. */
  function tryToWrite(): Promise<void> {
    if (performance.now() - tried > TRY_EVERY)
      trying ??= writeSomething(store)
        .catch(() => {})
        .finally(() => {
          tried = performance.now()
          trying = undefined
        })
    return trying ?? Promise.resolve()
  }

  return async () => {
    if (store.trouble() && !parts.broken()) await tryToWrite()
    const found: Trouble[] = []
    const trouble = store.trouble()
    if (trouble) found.push({ reason: trouble, final: parts.broken() })
    else {
      const { bavail, bsize } = await statfs(folder)
      if (bavail * bsize < LEAST)
        found.push({ reason: `the disk of the data folder has ${bavail * bsize} bytes left` })
    }
    for (const reason of bus.troubles()) found.push({ reason })
    return found
  }
}

/** A page of the database, whatever SQLite would save itself otherwise: a number that nothing reads. */
async function writeSomething({ db }: Store): Promise<void> {
  const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(db)
  const next = rows[0]?.user_version === 1 ? 0 : 1
  await sql`pragma user_version = ${sql.lit(next)}`.execute(db)
}
