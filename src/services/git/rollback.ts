import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { formatFindings } from '#language'
import type { Store } from '#store'
import { lossLines } from './answer.ts'
import type { Branches } from './branches.ts'
import { consentOf } from './consent.ts'
import type { Git } from './git.ts'
import { errorsOf, type Reader } from './infrastructure.ts'
import { hasLosses, judgeMove } from './judgement.ts'
import type { Lanes } from './lanes.ts'
import type { Limits } from './limits.ts'
import { markCommits } from './marks.ts'
import { containedPath, type Places } from './places.ts'
import { getRepository, settingsOf } from './records.ts'
import type { RepositoryRow, Tables } from './tables.ts'

interface Parts {
  git: Git
  places: Places
  store: Store<Tables>
  bus: Bus
  clock: Clock
  log: Log
  lanes: Lanes
  branches: Branches
  reader: Reader
  limits: Limits
}

type Asked = Input<'git.rollback'>

/** Nothing is rewritten: a new commit brings the former files back, judged like any other. It waits for pushes. */
export const createRollback = (parts: Parts) => (asked: Asked) =>
  parts.lanes.within(asked.repo, () => rollBack(parts, asked))

async function rollBack(parts: Parts, asked: Asked): Promise<Output<'git.rollback'>> {
  const { git, store, branches, clock } = parts
  const { repo, by } = asked
  const row = await getRepository(store.db, repo)
  const at = await containedPath(parts.places, repo)
  const tip = (await branches.heads(repo)).get(row.branch)
  if (!tip) throw new Problem('conflict', { reason: `Nothing was pushed to ${row.branch} of ${repo} yet` })
  const ask = async (...args: string[]) => (await git.run(args, { at })).toString().trim()
  const to = await formerCommit(ask, asked, row, tip)
  const taken = (await ask('rev-list', `${to}..${tip}`)).split('\n').filter(Boolean)
  const commit = await commitTree(parts, asked, { at, to, tip, taken: taken.length })
  await judge(parts, asked, row, { at, before: tip, after: commit })
  // First: what a crash leaves then, the same command puts right. The other way round a bad commit would stay unmarked.
  await markCommits(store, repo, taken, { by, at: clock.now() })
  const log = ['-m', `rollback to ${to.slice(0, 7)}`, `refs/heads/${row.branch}`, commit, tip]
  await git.run(['update-ref', ...log], { at, env: committer(by) })
  await branches.announce(repo, by)
  return { commit, to, marked: taken }
}

/** In the history of the branch: of anything else a push is the way. */
async function formerCommit(
  ask: (...args: string[]) => Promise<string>,
  { to, repo }: Asked,
  { branch }: RepositoryRow,
  tip: string,
): Promise<string> {
  const found = await ask('rev-parse', '--verify', '--quiet', '--end-of-options', `${to}^{commit}`).catch(
    (cause) => {
      throw new Problem('not_found', { what: `commit ${to} in ${repo}, or more than one` }, { cause })
    },
  )
  const before = await ask('merge-base', '--is-ancestor', found, tip).then(
    () => true,
    () => false,
  )
  if (!before)
    throw new Problem('invalid', { reason: `${to} is not in the history of ${branch}: push it instead` })
  const trees = await ask('rev-parse', `${found}^{tree}`, `${tip}^{tree}`)
  const [wished, present] = trees.split('\n')
  if (wished === present) throw new Problem('conflict', { reason: `${branch} is as it was at ${to} already` })
  return found
}

interface Way {
  at: string
  to: string
  tip: string
  /** How many commits are taken back. */
  taken: number
}

async function commitTree({ git }: Parts, { by }: Asked, { at, to, tip, taken }: Way): Promise<string> {
  const subject = (await git.run(['log', '-1', '--format=%s', to], { at })).toString().trim()
  const commits = taken === 1 ? 'one commit' : `${taken} commits`
  const message = `Roll back to ${to.slice(0, 7)}: ${subject}\n\nTakes back ${commits}.\n`
  const env = { ...committer(by), GIT_AUTHOR_NAME: by, GIT_AUTHOR_EMAIL: by }
  const made = await git.run(['commit-tree', `${to}^{tree}`, '-p', tip], { at, env, input: message })
  return made.toString().trim()
}

/** The log of each branch says who moved it. */
const committer = (by: string) => ({ GIT_COMMITTER_NAME: by, GIT_COMMITTER_EMAIL: by })

async function judge(
  parts: Parts,
  { repo, destroy, replace }: Asked,
  row: RepositoryRow,
  move: { at: string; before: string; after: string },
): Promise<void> {
  const consent = consentOf(settingsOf(row), { destroy: new Set(destroy), replace: new Set(replace) })
  const signal = new AbortController().signal
  const { findings, losses } = await judgeMove(parts, { repo, ...move, consent, signal })
  const errors = errorsOf(findings)
  if (errors.length > 0) throw new Problem('refused', { findings: formatFindings(errors) })
  if (!hasLosses(losses)) return
  const options = (['destroy', 'replace'] as const).flatMap((kind) =>
    losses[kind].map((node) => `--${kind} ${node}`),
  )
  throw new Problem('conflict', {
    reason: `Rolling back would lose servers. ${lossLines(losses).join('. ')}. If that is meant: ${options.join(' ')}`,
  })
}
