import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'

/** For tests with a clock of their own: the disk's time is not on it, so here a commit is told at once. */
export const openStore = (path: string): Store => openSqlite(path, async () => {})
