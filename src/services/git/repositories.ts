import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Bus } from '#bus'
import type { Repository } from '#contracts/git.ts'
import { answered } from '#kit/answered.ts'
import type { Clock } from '#kit/clock.ts'
import { newId } from '#kit/ids.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { stillMay } from '#kit/still-may.ts'
import type { Store, Tx } from '#store'
import type { Git } from './git.ts'
import type { Lanes } from './lanes.ts'
import { type Places, repositoryPath } from './places.ts'
import { findTwin, getRepository, listRepositories } from './records.ts'
import type { RepositoryRow, Tables } from './tables.ts'

interface Parts {
  git: Git
  places: Places
  store: Store<Tables>
  bus: Bus
  clock: Clock
  lanes: Lanes
}

export const toRepository = (row: RepositoryRow): Repository => ({
  repo: row.repo,
  created_at: Number(row.created_at),
  branch: row.branch,
  commit: row.announced,
})

export function createRepositories(parts: Parts) {
  const { store, bus, clock, lanes, places } = parts

  async function create(repo: string, by: string): Promise<Repository> {
    const twin = await findTwin(store.db, repo)
    if (twin === repo) throw new Problem('exists', { what: `Repository ${repo}` })
    if (twin)
      throw new Problem('conflict', { reason: `${repo} differs from ${twin} by upper and lower case only` })
    const deleted = await deletedAt(store.db, repo)
    if (deleted !== null) await forgetFormer(bus, repo, deleted)
    const row = newRow(repo, by, Math.max(clock.now(), (deleted ?? 0) + 1))
    await initialise(parts, repo)
    await store.transaction(async (tx) => {
      await tx.db.insertInto('git_repositories').values(row).execute()
      await bus.publish('repo.created', { subject: repo, data: { repo, by } }, tx)
    })
    return toRepository(row)
  }

  async function remove(repo: string, by: string): Promise<void> {
    const { created_at } = await getRepository(store.db, repo)
    // Closed before the registry is asked: what starts in between could make a server that nobody would know of.
    const closed = clock.steady()
    await answerable(`whether ${repo} is being worked on`, bus.ask('tasker.close_repository', { repo }))
    try {
      await refuseWhileServersStand(bus, repo)
      await stillMay(bus, by, 'repo.delete', repo)
      if (clock.steady() - closed > CLOSED)
        throw new Problem('conflict', { reason: `It took too long to see what ${repo} still has` })
      const at = Math.max(clock.now(), Number(created_at) + 1)
      await store.transaction(async (tx) => {
        await tx.db.deleteFrom('git_marks').where('repo', '=', repo).execute()
        await tx.db.deleteFrom('git_repositories').where('repo', '=', repo).execute()
        await rememberDeleted(tx, repo, at)
        await bus.publish('repo.deleted', { subject: repo, data: { repo, by, at } }, tx)
      })
    } catch (error) {
      // It opens by itself as well, after a while.
      await bus.ask('tasker.reopen_repository', { repo }).catch(() => {})
      throw error
    }
    await discard(places, repo)
  }

  return {
    create: (repo: string, by: string) => lanes.within('create', () => create(repo, by)),
    /** Waits for a push that is being judged. */
    remove: (repo: string, by: string) => lanes.within(repo, () => remove(repo, by)),
    get: async (repo: string) => toRepository(await getRepository(store.db, repo)),
    list: async (owner?: string) => (await listRepositories(store.db, owner)).map(toRepository),
  }
}

/** Milliseconds; the tasker keeps a repository closed for twice as long. */
const CLOSED = 30_000

/** A refusal stays what it is; what could not be asked is no answer. */
const answerable = async <T>(question: string, asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    if (isProblem(error, 'conflict')) throw error
    return answered(question, Promise.reject(error))
  })

async function deletedAt(db: Store<Tables>['db'], repo: string): Promise<number | null> {
  const row = await db.selectFrom('git_deleted').select('at').where('repo', '=', repo).executeTakeFirst()
  return row ? Number(row.at) : null
}

const rememberDeleted = (tx: Tx<Tables>, repo: string, at: number) =>
  tx.db
    .insertInto('git_deleted')
    .values({ repo, at })
    .onConflict((conflict) => conflict.column('repo').doUpdateSet({ at }))
    .execute()

/**
 * Everybody hears of a deletion by its event, which may be late. Before the name is given again they are asked, so that
 * nothing of the former repository is seen in the next, and nothing of the next is taken for the former's.
 */
async function forgetFormer(bus: Bus, repo: string, at: number): Promise<void> {
  const question = `whether all of the former ${repo} is gone`
  await answered(
    question,
    Promise.all([
      bus.ask('registry.forget_repository', { repo, at }),
      bus.ask('tasker.forget_repository', { repo, at }),
      bus.ask('profiles.forget_repository', { repo, at }),
      bus.ask('logger.forget_repository', { repo, at }),
    ]),
  )
}

const newRow = (repo: string, by: string, now: number): RepositoryRow => {
  const owner = repo.split('/')[0] ?? ''
  return {
    repo,
    folded: repo.toLowerCase(),
    owner,
    owner_folded: owner.toLowerCase(),
    branch: 'main',
    announced: null,
    pushes: 0,
    created_at: now,
    created_by: by,
    settings: '{}',
    agreed: null,
  }
}

/** Made aside and moved into place whole: a crash leaves no half repository under a good name. */
async function initialise({ git, places }: Parts, repo: string): Promise<void> {
  const path = repositoryPath(places, repo)
  const draft = join(places.trash, newId())
  await git.run(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', draft])
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await discard(places, repo)
  await rename(draft, path)
}

/** Removes the folder of a repository that is not on record (any more). */
async function discard(places: Places, repo: string): Promise<void> {
  const grave = join(places.trash, newId())
  try {
    await rename(repositoryPath(places, repo), grave)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  await rm(grave, { recursive: true, force: true })
}

async function refuseWhileServersStand(bus: Bus, repo: string): Promise<void> {
  const nodes = await answered(`whether ${repo} still has servers`, bus.ask('registry.list_nodes', { repo }))
  const standing = nodes.filter((node) => node.server).map((node) => node.node)
  if (standing.length > 0)
    throw new Problem('conflict', {
      reason: `${repo} still has servers (${standing.join(', ')}): push a commit without these nodes first`,
    })
}
