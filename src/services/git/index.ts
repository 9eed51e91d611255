import type { Service } from '#contracts/descriptors.ts'
import { defineService } from '#kit/service.ts'
import type { EngineRules } from '#language'
import { createAdmit } from './access.ts'
import { createAftercare } from './aftercare.ts'
import { createBranches } from './branches.ts'
import { answerCalls } from './calls.ts'
import { Checkers } from './checkers.ts'
import { createCommit } from './commit.ts'
import { createExchange, sweepQuarantine } from './exchange.ts'
import { createGit } from './git.ts'
import { hookFiles } from './hooks.ts'
import { fingerprintOfKey, openHostKey } from './hostkey.ts'
import { listenHttp } from './http.ts'
import { createReader } from './infrastructure.ts'
import { createJudge } from './judge.ts'
import { Lanes } from './lanes.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { migrations } from './migrations.ts'
import { settleMoves } from './moves.ts'
import { containedPath, openPlaces } from './places.ts'
import { listRepositories } from './records.ts'
import { createRepositories } from './repositories.ts'
import { createRollback } from './rollback.ts'
import { Running } from './running.ts'
import { createSettings } from './settings.ts'
import { type Address, listenSsh } from './ssh.ts'
import type { Tables } from './tables.ts'

export type { Address }

export interface GitOptions {
  /** Data folder of the platform: everything of ours lies in `git` below it. */
  folder: string
  catalog: readonly Service[]
  /** Port 0: any free one, see `onListen`. */
  ssh: Address
  http: Address
  limits?: Partial<Limits>
  onListen?(addresses: { ssh: Address; http: Address; hostKey: string }): void
  /** What nodes may ask of the platform's own Docker engine; unchecked when absent. */
  engine?: EngineRules
}

/** Stores descriptors, judges what is pushed, and announces what was accepted. */
export const git = defineService<GitOptions>({
  name: 'git',
  migrations,
  async start({ bus, store: untyped, clock, log, stack }, options) {
    const store = untyped.as<Tables>()
    const limits = { ...defaultLimits, ...options.limits }
    const places = await openPlaces(options.folder, hookFiles)
    const lanes = new Lanes()
    const git = createGit({ home: places.home, hooks: places.hooks, limits })
    const branches = createBranches({ git, places, store, bus, lanes })
    const checkers = stack.use(new Checkers({ ...options, limits, log }))
    const reader = createReader({ git, bus, judge: checkers.check, limits })
    const repositories = createRepositories({ git, places, store, bus, clock, lanes })
    const judging = { git, places, store, bus, clock, log, lanes, branches, reader, limits }
    const settings = createSettings(judging)

    for (const { repo } of await listRepositories(store.db)) {
      // One broken repository must not keep the others from being served.
      await recover(repo).catch((error) =>
        log.error({ err: error, repo }, 'a repository could not be opened'),
      )
    }

    async function recover(repo: string) {
      const at = await containedPath(places, repo)
      await sweepQuarantine(at)
      await settleMoves(git, at)
      await branches.announce(repo)
    }

    const running = stack.use(new Running())
    const admit = createAdmit({ bus, store, places, log })
    const judge = createJudge(judging)
    const aftercare = createAftercare({ git, places, branches, lanes, clock, log, running, stack })
    const run = createExchange({ ...judging, judge, aftercare })
    const commit = createCommit({ ...judging, running, run })
    const rollback = createRollback({ ...judging, running, run })
    const calls = { ...judging, repositories, settings, rollback, commit }
    for (const undo of answerCalls(calls)) stack.defer(undo)

    const hostKey = await openHostKey(places.hostKey)
    const ssh = await listenSsh({ bus, clock, log, admit, run, running }, hostKey, options.ssh)
    stack.defer(() => ssh.close())
    const http = await listenHttp({ bus, clock, log, admit, run, running, limits }, options.http)
    stack.defer(() => http.close())
    options.onListen?.({ ssh: ssh.address, http: http.address, hostKey: fingerprintOfKey(hostKey) })
  },
})
