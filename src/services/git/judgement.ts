import type { Bus } from '#bus'
import type { Finding, Infrastructure } from '#contracts/descriptors.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import { type Consent, findLosses, type Losses } from './consent.ts'
import { emptyInfrastructure, errorsOf, type Reader } from './infrastructure.ts'
import type { Limits } from './limits.ts'
import { refuseMarked } from './marks.ts'
import type { Tables } from './tables.ts'

/** The active branch is about to move, by a push, by a commit through the API, or to another branch. */
export interface Move {
  repo: string
  /** Folder of the repository. */
  at: string
  /** Makes git see objects that are not in the repository yet. */
  env?: Record<string, string>
  before: string | null
  after: string
  consent: Consent
  /** Aborts when nobody waits for the judgement any more. */
  signal: AbortSignal
}

/** What is to be known before a move is let happen. */
export interface Judgement {
  findings: Finding[]
  former: Infrastructure | undefined
  next: Infrastructure
  /** Undefined when none could be had; `why` says why. */
  plan?: NodePlan[]
  why?: string
  /** What would be lost without consent. */
  losses: Losses
}

interface Parts {
  bus: Bus
  clock: Clock
  log: Log
  reader: Reader
  limits: Limits
  store: Store<Tables>
}

/** With errors there is no plan. Throws `rolled_back` for a commit that was, `unanswered` when losses cannot be told. */
export async function judgeMove(parts: Parts, move: Move): Promise<Judgement> {
  const { repo, at, env, before, after } = move
  await refuseMarked(parts.store.db, repo, after)
  const place = { at, ...(env && { env }) }
  const { infrastructure: next, findings } = await parts.reader.checkCommit(repo, place, after)
  const none: Losses = { destroy: [], replace: [] }
  if (errorsOf(findings).length > 0) return { findings, former: undefined, next, losses: none }
  const former = await formerInfrastructure(parts.reader, move, before)
  const planned = await askPlan(parts, move, next)
  const { consent } = move
  const losses = await findLosses(parts.bus, { repo, former, next, plan: planned.plan, consent })
  return { findings, former, next, ...planned, losses }
}

export const hasLosses = ({ destroy, replace }: Losses): boolean => destroy.length + replace.length > 0

/** Undefined when the catalog of today refuses what was good when it came. */
async function formerInfrastructure(
  reader: Reader,
  { repo, at }: Move,
  before: string | null,
): Promise<Infrastructure | undefined> {
  if (!before) return emptyInfrastructure(repo)
  return reader.read(repo, { at }, before).catch((error: unknown) => {
    if (isProblem(error, 'refused')) return undefined
    throw error
  })
}

/** A push never waits long for a plan, and is not refused for want of one. */
async function askPlan(
  { bus, limits, log }: Parts,
  { repo, signal }: Move,
  next: Infrastructure,
): Promise<{ plan?: NodePlan[]; why?: string }> {
  try {
    const options = { deadline: limits.plan, signal }
    return { plan: await bus.ask('shazam.plan', { repo, next, live: false }, options) }
  } catch (error) {
    log.warn({ err: error, repo }, 'a push was judged without a plan')
    return { why: Problem.of(error).message }
  }
}
