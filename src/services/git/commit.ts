import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import { activeBranch, type Branches } from './branches.ts'
import { draftCommit } from './draft.ts'
import type { RunExchange } from './exchange.ts'
import type { Git } from './git.ts'
import type { Limits } from './limits.ts'
import { locate } from './locate.ts'
import type { Places } from './places.ts'
import { pushDraft, refusalOf } from './push-draft.ts'
import { getRepository } from './records.ts'
import type { Running } from './running.ts'
import type { Tables } from './tables.ts'

export type Commit = (asked: Input<'git.commit'>) => Promise<Output<'git.commit'>>

interface Parts {
  bus: Bus
  git: Git
  places: Places
  store: Store<Tables>
  branches: Branches
  clock: Clock
  running: Running
  run: RunExchange
  limits: Limits
}

/**
 * A commit made here instead of in somebody's clone. It comes in as a push does, by the same protocol, through the same
 * quarantine, checks and hooks: there is no second way into a repository.
 */
export function createCommit(parts: Parts): Commit {
  return (asked) => parts.running.track((stopping) => commit(parts, asked, stopping))
}

async function commit(
  parts: Parts,
  asked: Input<'git.commit'>,
  signal: AbortSignal,
): Promise<Output<'git.commit'>> {
  const { repo, by, parent } = asked
  const row = await getRepository(parts.store.db, repo)
  const heads = await parts.branches.heads(repo)
  const branch = asked.branch ?? activeBranch(row, heads.keys())
  const before = heads.get(branch) ?? null
  if (before !== null && before !== parent) throw moved(branch, before)
  const { at } = await locate(parts, repo, parent ?? undefined)
  const author = { name: by, email: await emailOf(parts.bus, by) }
  const { changes, message } = asked
  if (message.includes('\0')) throw new Problem('invalid', { reason: 'the message holds a NUL' })
  await using draft = await draftCommit(parts, {
    at,
    parent,
    changes,
    message,
    author,
    now: parts.clock.now(),
  })
  const update = { ref: `refs/heads/${branch}`, before, after: draft.commit, options: optionsOf(asked) }
  const pushed = await pushDraft(parts, { repo, at, user: by }, { ...update, pack: draft.pack }, signal)
  const answer = pushed.verdict?.lines ?? []
  const plan = pushed.verdict?.plan ?? null
  if (pushed.verdict?.refusal === 'dry run') return { commit: null, branch, answer, plan }
  if (pushed.moved) return { commit: draft.commit, branch, answer, plan }
  throw refusalOf(branch, pushed)
}

const moved = (branch: string, at: string): Problem =>
  new Problem('conflict', {
    reason: `${branch} has moved: it is at ${at}. Read it again and make the changes on that`,
    tip: at,
  })

const optionsOf = ({ destroy = [], replace = [], dry_run }: Input<'git.commit'>): string[] => [
  ...destroy.map((node) => `destroy=${node}`),
  ...replace.map((node) => `replace=${node}`),
  ...(dry_run ? ['dry-run'] : []),
]

async function emailOf(bus: Bus, name: string): Promise<string> {
  const user = await bus.ask('profiles.get_user', { name }).catch((error) => {
    if (!isProblem(error, 'not_found')) throw error
  })
  // Only what git takes for an address; people may write anything.
  return user?.email && /^[^\s<>\p{Cc}]+$/u.test(user.email) ? user.email : name
}
