import type { Bus } from '#bus'
import type { Settings, SettingsChange } from '#contracts/settings.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { stillMay } from '#kit/still-may.ts'
import { formatFindings } from '#language'
import type { Store } from '#store'
import { keepAgreed } from './agreed.ts'
import type { Branches } from './branches.ts'
import { consentOf } from './consent.ts'
import type { Git } from './git.ts'
import { errorsOf, type Reader } from './infrastructure.ts'
import { hasLosses, judgeMove } from './judgement.ts'
import type { Lanes } from './lanes.ts'
import type { Limits } from './limits.ts'
import { lossLines } from './loss-lines.ts'
import { containedPath, type Places } from './places.ts'
import { changedSettings, getRepository, settingsOf } from './records.ts'
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

export function createSettings(parts: Parts) {
  const { store, bus, lanes, branches, git, places } = parts

  async function set(repo: string, change: SettingsChange, by: string): Promise<Settings> {
    const row = await getRepository(store.db, repo)
    const settings = { ...settingsOf(row), ...change }
    if (settings.branch !== row.branch) await judgeBranch(parts, row, settings)
    await stillMay(bus, by, 'settings.write', repo)
    // Before the record: what a crash leaves then, the same command puts right.
    const at = await containedPath(places, repo)
    if (change.branch) await git.run(['symbolic-ref', 'HEAD', `refs/heads/${settings.branch}`], { at })
    await store.transaction(async (tx) => {
      const kept = JSON.stringify({ ...changedSettings(row), ...change })
      await tx.db
        .updateTable('git_repositories')
        .set({ settings: kept, branch: settings.branch })
        .where('repo', '=', repo)
        .execute()
      await bus.publish('repo.settings_changed', { subject: repo, data: { repo, settings, by } }, tx)
    })
    await branches.announce(repo, by)
    return settings
  }

  return {
    get: async (repo: string): Promise<Settings> => settingsOf(await getRepository(store.db, repo)),
    /** Waits for a push that is being judged. */
    set: (repo: string, change: SettingsChange, by: string) =>
      lanes.within(repo, () => set(repo, change, by)),
  }
}

/** Following another branch is a push of its tip: its descriptors must be good, and no server is lost unasked. */
async function judgeBranch(parts: Parts, row: RepositoryRow, settings: Settings): Promise<void> {
  const { repo, announced } = row
  const heads = await parts.branches.heads(repo)
  const after = heads.get(settings.branch)
  if (!after) return refuseUnknown(settings.branch, [...heads.keys()])
  const consent = consentOf(settings)
  const { findings, losses } = await judgeMove(parts, {
    repo,
    at: await containedPath(parts.places, repo),
    before: announced,
    after,
    consent,
    signal: new AbortController().signal,
  })
  const errors = errorsOf(findings)
  if (errors.length > 0) throw new Problem('refused', { findings: formatFindings(errors) })
  if (!hasLosses(losses)) return await keepAgreed(parts.store, repo, after, consent)
  const kinds = (['destroy', 'replace'] as const).filter((kind) => losses[kind].length > 0)
  throw new Problem('conflict', {
    reason: [
      `Following ${settings.branch} would lose servers. ${lossLines(losses).join('. ')}`,
      `If that is meant, allow it first: ${kinds.map((kind) => `devops repo settings ${kind} allow`).join(', ')}`,
    ].join('. '),
  })
}

/** In an empty repository any branch may be the one that is to come. */
function refuseUnknown(branch: string, known: readonly string[]): void {
  if (known.length === 0) return
  throw new Problem('invalid', {
    reason: `there is no branch ${branch}; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`,
  })
}
