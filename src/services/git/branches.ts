import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bus } from '#bus'
import type { Store, Tx } from '#store'
import { agreedTo } from './agreed.ts'
import type { Git } from './git.ts'
import type { Lanes } from './lanes.ts'
import { containedPath, type Places } from './places.ts'
import { choseBranch, findRepository } from './records.ts'
import type { RepositoryRow, Tables } from './tables.ts'

/** Branch name -> tip. */
export type Heads = ReadonlyMap<string, string>

export interface Branches {
  heads(repo: string): Promise<Heads>
  /**
   * Compares the active branch with what was announced last, and publishes the difference. Safe at any time and any
   * number of times: that is how a push that we were killed in is not lost. `by`: read from git's log when absent.
   */
  announce(repo: string, by?: string): Promise<void>
}

interface Parts {
  git: Git
  places: Places
  store: Store<Tables>
  bus: Bus
  lanes: Lanes
}

/** The one that was chosen; else `main`, unless `master` came first. */
export function activeBranch(
  row: Pick<RepositoryRow, 'branch' | 'announced' | 'settings'>,
  names: Iterable<string>,
): string {
  const known = new Set(names)
  if (row.announced !== null || choseBranch(row) || known.has(row.branch) || !known.has('master'))
    return row.branch
  return 'master'
}

export function createBranches({ git, places, store, bus, lanes }: Parts): Branches {
  async function heads(repo: string): Promise<Heads> {
    const at = await containedPath(places, repo)
    const out = await git.run(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads/'], { at })
    const lines = out.toString().split('\n').filter(Boolean)
    return new Map(lines.map((line) => [line.slice(41).replace('refs/heads/', ''), line.slice(0, 40)]))
  }

  async function announceAlone(repo: string, by: string | undefined): Promise<void> {
    const at = await containedPath(places, repo)
    const found = await heads(repo)
    const row = await findRepository(store.db, repo)
    if (!row) return
    const branch = activeBranch(row, found.keys())
    const after = found.get(branch) ?? null
    if (after === row.announced) return
    await syncFolders(at)
    if (branch !== row.branch) await git.run(['symbolic-ref', 'HEAD', `refs/heads/${branch}`], { at })
    const who = by ?? (await lastMover(at, branch))
    await store.transaction(async (tx) => {
      const agreed = agreedTo(row, after)
      const data = { repo, branch, before: row.announced, after, by: who, ...(agreed && { agreed }) }
      if (!(await recordAnnouncement(tx, row, branch, after))) return
      await bus.publish('repo.pushed', { id: announcementId(row, after), subject: repo, data }, tx)
    })
  }

  async function lastMover(at: string, branch: string): Promise<string> {
    const log = await git.run(['log', '-g', '-1', '--format=%gn', `refs/heads/${branch}`, '--'], { at })
    return log.toString().trim() || 'somebody'
  }

  return { heads, announce: (repo, by) => lanes.within(`announce ${repo}`, () => announceAlone(repo, by)) }
}

/** False when another announcement came in between. */
async function recordAnnouncement(tx: Tx<Tables>, row: RepositoryRow, branch: string, after: string | null) {
  const result = await tx.db
    .updateTable('git_repositories')
    .set({ branch, announced: after, pushes: row.pushes + 1 })
    .where('repo', '=', row.repo)
    .where('created_at', '=', row.created_at)
    .where('pushes', '=', row.pushes)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

const announcementId = (row: RepositoryRow, after: string | null): string =>
  createHash('sha256')
    .update(JSON.stringify([row.repo, row.created_at, row.pushes, row.announced, after]))
    .digest('hex')
    .slice(0, 32)

/** Git syncs files, not the folders that name them: without this a power loss could forget a ref that we announced. */
async function syncFolders(at: string): Promise<void> {
  for (const folder of ['objects/pack', 'objects', 'refs/heads', '.']) {
    const handle = await open(join(at, folder))
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}
