import type { Bus, Undo } from '#bus'
import type { Output } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import type { Git } from './git.ts'
import { emptyInfrastructure, type Reader } from './infrastructure.ts'
import type { Limits } from './limits.ts'
import { isFile, listEntries, readBlobs, textOf } from './objects.ts'
import { containedPath, type Places } from './places.ts'
import { getRepository } from './records.ts'
import type { createRepositories } from './repositories.ts'
import type { createRollback } from './rollback.ts'
import type { createSettings } from './settings.ts'
import type { Tables } from './tables.ts'

type Commit = Output<'git.log'>[number]

interface Parts {
  bus: Bus
  git: Git
  store: Store<Tables>
  places: Places
  reader: Reader
  repositories: ReturnType<typeof createRepositories>
  settings: ReturnType<typeof createSettings>
  rollback: ReturnType<typeof createRollback>
  limits: Limits
}

/** What other services can ask of this one. Files are read out of git's objects: no path reaches the file system. */
export function answerCalls(parts: Parts): Undo[] {
  const { bus, reader, repositories, settings, rollback } = parts
  return [
    bus.answer('git.create_repository', ({ repo, by }) => repositories.create(repo, by)),
    bus.answer('git.list_repositories', ({ owner }) => repositories.list(owner)),
    bus.answer('git.get_repository', ({ repo }) => repositories.get(repo)),
    bus.answer('git.delete_repository', async ({ repo, by }) => {
      await repositories.remove(repo, by)
      reader.forget(repo)
      return {}
    }),
    bus.answer('git.get_settings', ({ repo }) => settings.get(repo)),
    bus.answer('git.set_settings', ({ repo, change, by }) => settings.set(repo, change, by)),
    bus.answer('git.rollback', rollback),
    bus.answer('git.infrastructure', ({ repo, commit }) => infrastructure(parts, repo, commit)),
    bus.answer('git.tree', ({ repo, commit }) => tree(parts, repo, commit)),
    bus.answer('git.file', ({ repo, commit, path }) => file(parts, repo, commit, path)),
    bus.answer('git.log', ({ repo, limit }) => log(parts, repo, limit)),
    bus.answer('git.validate', async ({ repo, files }) => (await reader.check(repo, files)).findings),
  ]
}

/** The commit that is meant, known to exist; undefined while nothing was pushed. */
async function locate({ git, store, places }: Parts, repo: string, commit?: string) {
  const row = await getRepository(store.db, repo)
  const at = await containedPath(places, repo)
  if (commit === undefined || commit === row.announced) return { at, commit: row.announced }
  await git.run(['cat-file', '-e', `${commit}^{commit}`], { at }).catch((cause) => {
    throw new Problem('not_found', { what: `commit ${commit} in ${repo}` }, { cause })
  })
  return { at, commit }
}

async function infrastructure(parts: Parts, repo: string, wished?: string): Promise<Infrastructure> {
  const { at, commit } = await locate(parts, repo, wished)
  return commit ? parts.reader.read(repo, { at }, commit) : emptyInfrastructure(repo)
}

async function tree(parts: Parts, repo: string, wished?: string): Promise<string[]> {
  const { at, commit } = await locate(parts, repo, wished)
  return commit ? (await listEntries(parts.git, { at }, commit)).map((entry) => entry.path) : []
}

async function file(parts: Parts, repo: string, wished: string | undefined, path: string) {
  const { at, commit } = await locate(parts, repo, wished)
  const entries = commit && isTreePath(path) ? await listEntries(parts.git, { at }, commit, [path]) : []
  const entry = entries.find((one) => one.path === path)
  if (!entry) throw new Problem('not_found', { what: `file ${path} in ${repo}` })
  if (!isFile(entry)) throw new Problem('invalid', { reason: `${path} is a link or a submodule, not a file` })
  if (entry.size > parts.limits.total)
    throw new Problem('invalid', { reason: `${path} is too big to be shown` })
  const [blob] = await readBlobs(parts.git, { at }, [entry.id], entry.size)
  const content = blob && textOf(blob)
  if (content === undefined) throw new Problem('invalid', { reason: `${path} is not text in UTF-8` })
  return { path, content }
}

/** Git refuses other paths too, but as an error of its own. */
const isTreePath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0')

async function log(parts: Parts, repo: string, limit: number): Promise<Commit[]> {
  const { at, commit } = await locate(parts, repo)
  if (!commit) return []
  const args = ['log', '-z', `--max-count=${limit}`, '--format=%H%n%an <%ae>%n%ct%n%B', commit, '--']
  const out = await parts.git.run(args, { at })
  return out.toString().split('\0').filter(Boolean).map(parseCommit)
}

function parseCommit(text: string): Commit {
  const [commit = '', author = '', seconds = '', ...message] = text.split('\n')
  return { commit, author, at: Number(seconds) * 1000, message: message.join('\n').trim() }
}
