import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import { recordRefusal } from './audit.ts'
import { containedPath, type Places } from './places.ts'
import { findRepository } from './records.ts'
import type { Tables } from './tables.ts'

/** What a git client may ask for. */
export const programs = ['upload-pack', 'receive-pack', 'upload-archive'] as const
export type Program = (typeof programs)[number]

/** Who stands at the door. */
export interface Caller {
  identity: Identity
  door: 'ssh' | 'http'
  /** The client's address. */
  from: string
}

export interface Admission {
  repo: string
  /** Folder of the repository. */
  at: string
  user: string
  caller: Caller
}

export type Admit = (caller: Caller, repo: string, program: Program) => Promise<Admission>

/** Throws `forbidden` or `not_found`; who may not know of a repository learns no more than that it is not there. */
export function createAdmit({
  bus,
  store,
  places,
  log,
}: {
  bus: Bus
  log: Log
  store: Store<Tables>
  places: Places
}): Admit {
  return async (caller, repo, program) => {
    const { user, reach } = caller.identity
    const action = program === 'receive-pack' ? 'repo.write' : 'repo.read'
    try {
      await bus.ask('profiles.authorize', { user, action, repo, ...(reach && { reach }) })
    } catch (error) {
      if (action === 'repo.write') await recordStranger(caller, repo, error)
      throw error
    }
    if (!(await findRepository(store.db, repo)))
      throw new Problem('not_found', { what: `repository ${repo}` })
    return { repo, user, caller, at: await containedPath(places, repo) }
  }

  /** Of repositories that there are: anybody can think of names. */
  async function recordStranger(caller: Caller, repo: string, error: unknown): Promise<void> {
    const problem = Problem.of(error)
    if (!['forbidden', 'not_found', 'token_scope'].includes(problem.code)) return
    if (!(await findRepository(store.db, repo))) return
    const admission = { repo, at: '', user: caller.identity.user, caller }
    await recordRefusal({ bus, log }, admission, [], { lines: [`Refused: ${problem.message}.`] })
  }
}
