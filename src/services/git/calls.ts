import type { Bus, Undo } from '#bus'
import type { Output } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Branches } from './branches.ts'
import type { Commit } from './commit.ts'
import { readDiff } from './diff.ts'
import { readFile, readTree } from './files.ts'
import { readBlame, readLog } from './history.ts'
import { emptyInfrastructure, type Reader } from './infrastructure.ts'
import { locate, type ReadParts } from './locate.ts'
import type { createRepositories } from './repositories.ts'
import type { Rollback } from './rollback.ts'
import type { createSettings } from './settings.ts'

interface Parts extends ReadParts {
  bus: Bus
  branches: Branches
  reader: Reader
  repositories: ReturnType<typeof createRepositories>
  settings: ReturnType<typeof createSettings>
  rollback: Rollback
  commit: Commit
}

/** What other services can ask of this one. */
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
    bus.answer('git.branches', ({ repo }) => branches(parts, repo)),
    bus.answer('git.tree', (asked) => readTree(parts, asked)),
    bus.answer('git.file', (asked) => readFile(parts, asked)),
    bus.answer('git.log', (asked) => readLog(parts, asked)),
    bus.answer('git.diff', (asked) => readDiff(parts, asked)),
    bus.answer('git.blame', (asked) => readBlame(parts, asked)),
    bus.answer('git.commit', (asked) => parts.commit(asked)),
    bus.answer('git.validate', async ({ repo, files }) => (await reader.check(repo, files)).findings),
  ]
}

async function infrastructure(parts: Parts, repo: string, wished?: string): Promise<Infrastructure> {
  const { at, commit } = await locate(parts, repo, wished)
  if (!commit) return emptyInfrastructure(repo)
  const read = await parts.reader.read(repo, { at }, commit)
  // After the descriptors: a bond that is set while they are read holds already.
  const { approval_required } = await parts.settings.get(repo)
  return approval_required.length > 0 ? { ...read, approval_required } : read
}

async function branches(parts: Parts, repo: string): Promise<Output<'git.branches'>> {
  const { branch: active } = await parts.repositories.get(repo)
  const heads = await parts.branches.heads(repo)
  return [...heads].map(([branch, commit]) => ({ branch, commit, active: branch === active }))
}
