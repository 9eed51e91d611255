import type { Input, Output } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import type { Branches } from './branches.ts'
import type { Losses } from './consent.ts'
import { draftCommit } from './draft.ts'
import type { RunExchange } from './exchange.ts'
import type { Git } from './git.ts'
import { lossLines } from './loss-lines.ts'
import { markCommits } from './marks.ts'
import { findCommit, isInHistory } from './objects.ts'
import { containedPath, type Places } from './places.ts'
import { pushDraft, refusalOf } from './push-draft.ts'
import { getRepository } from './records.ts'
import type { Running } from './running.ts'
import type { RepositoryRow, Tables } from './tables.ts'

export type Rollback = (asked: Asked) => Promise<Output<'git.rollback'>>

interface Parts {
  git: Git
  places: Places
  store: Store<Tables>
  clock: Clock
  branches: Branches
  running: Running
  run: RunExchange
}

type Asked = Input<'git.rollback'>

/** Nothing is rewritten: a new commit brings the former files back, and comes in as a push does, judged like any other. */
export const createRollback =
  (parts: Parts): Rollback =>
  (asked) =>
    parts.running.track((stopping) => rollBack(parts, asked, stopping))

async function rollBack(parts: Parts, asked: Asked, signal: AbortSignal): Promise<Output<'git.rollback'>> {
  const { git, store, branches, clock } = parts
  const { repo, by } = asked
  const row = await getRepository(store.db, repo)
  const at = await containedPath(parts.places, repo)
  const tip = (await branches.heads(repo)).get(row.branch)
  if (!tip) throw new Problem('conflict', { reason: `Nothing was pushed to ${row.branch} of ${repo} yet` })
  const ask = async (...args: string[]) => (await git.run(args, { at })).toString().trim()
  const to = await formerCommit(git, at, asked, row, tip)
  const taken = (await ask('rev-list', `${to}..${tip}`)).split('\n').filter(Boolean)
  await using draft = await draftCommit(parts, {
    at,
    parent: tip,
    changes: { as: to },
    message: messageOf(to, await ask('log', '-1', '--format=%s', to), taken.length),
    author: { name: by, email: by },
    now: clock.now(),
  })
  const update = {
    ref: `refs/heads/${row.branch}`,
    before: tip,
    after: draft.commit,
    options: consentOf(asked),
    pack: draft.pack,
  }
  // What a crash leaves then, the same command puts right. The other way round a bad commit would stay unmarked.
  const beforeMove = () => markCommits(store, repo, taken, { by, at: clock.now() })
  const pushed = await pushDraft(parts, { repo, at, user: by, beforeMove }, update, signal)
  if (pushed.moved) return { commit: draft.commit, to, marked: taken }
  const { refusal, losses } = pushed.verdict ?? {}
  throw refusal === 'consent' && losses ? wouldLose(losses) : refusalOf(row.branch, pushed)
}

/** In the history of the branch: of anything else a push is the way. */
async function formerCommit(
  git: Git,
  at: string,
  { to, repo }: Asked,
  { branch }: RepositoryRow,
  tip: string,
): Promise<string> {
  const found = await findCommit(git, { at }, to)
  if (found === undefined)
    throw new Problem('not_found', { what: `commit ${to} in ${repo}, or more than one` })
  if (!(await isInHistory(git, { at }, found, tip)))
    throw new Problem('invalid', { reason: `${to} is not in the history of ${branch}: push it instead` })
  const trees = (await git.run(['rev-parse', `${found}^{tree}`, `${tip}^{tree}`], { at })).toString().trim()
  const [wished, present] = trees.split('\n')
  if (wished === present) throw new Problem('conflict', { reason: `${branch} is as it was at ${to} already` })
  return found
}

function messageOf(to: string, subject: string, taken: number): string {
  const commits = taken === 1 ? 'one commit' : `${taken} commits`
  return `Roll back to ${to.slice(0, 7)}: ${subject}\n\nTakes back ${commits}.\n`
}

const consentOf = ({ destroy = [], replace = [] }: Asked): string[] => [
  ...destroy.map((node) => `destroy=${node}`),
  ...replace.map((node) => `replace=${node}`),
]

function wouldLose(losses: Losses): Problem {
  const options = (['destroy', 'replace'] as const).flatMap((kind) =>
    losses[kind].map((node) => `--${kind} ${node}`),
  )
  return new Problem('conflict', {
    reason: `Rolling back would lose servers. ${lossLines(losses).join('. ')}. If that is meant: ${options.join(' ')}`,
  })
}
