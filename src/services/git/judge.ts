import type { Bus } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { formatFindings } from '#language'
import type { Store } from '#store'
import { errorLines, inert, planLines, refusalLines, taskLines, watchLines } from './answer.ts'
import { activeBranch, type Branches } from './branches.ts'
import { findLosses, withoutConsent } from './consent.ts'
import type { PushQuestion, Update, Verdict } from './hooks.ts'
import { emptyInfrastructure, errorsOf, type Reader } from './infrastructure.ts'
import type { Limits } from './limits.ts'
import { type PushOptions, parsePushOptions } from './options.ts'
import { getRepository } from './records.ts'
import type { Tables } from './tables.ts'
import { branchOf, faultsOfUpdates } from './updates.ts'

export interface Push extends PushQuestion {
  repo: string
  /** Folder of the repository. */
  at: string
  /** Aborts when the client is gone. */
  signal: AbortSignal
}

export type Judge = (push: Push) => Promise<Verdict>

interface Parts {
  bus: Bus
  store: Store<Tables>
  clock: Clock
  log: Log
  branches: Branches
  reader: Reader
  limits: Limits
}

/** Decides on a push while its objects are in quarantine: what is refused leaves nothing behind. */
export function createJudge(parts: Parts): Judge {
  return async (push) => {
    try {
      const { accepted, lines } = await judge(parts, push)
      return { accepted, lines: lines.map(inert) }
    } catch (error) {
      const problem = Problem.of(error)
      if (problem.code === 'internal')
        parts.log.error({ err: error, repo: push.repo }, 'a push could not be judged')
      return refuse([`Refused: ${problem.message}. ${problem.next}`].map(inert))
    }
  }
}

const refuse = (lines: string[]): Verdict => ({ accepted: false, lines })

async function judge(parts: Parts, push: Push): Promise<Verdict> {
  const options = parsePushOptions(push.options)
  const row = await getRepository(parts.store.db, push.repo)
  const heads = await parts.branches.heads(push.repo)
  const pushed = push.updates.flatMap((update) => branchOf(update) ?? [])
  const active = activeBranch(row, [...heads.keys(), ...pushed])
  const faults = [...options.faults, ...faultsOfUpdates(push.updates, heads, active)]
  if (faults.length > 0) return refuse(['Refused:', ...faults.map((fault) => `  ${fault}`)])
  const stored = storedLines(push.updates, active)
  const update = push.updates.find((one) => branchOf(one) === active)
  if (!update?.after)
    return options.dryRun ? refuse([...stored, ...dryRunLines]) : { accepted: true, lines: stored }
  if ((heads.get(active) ?? null) !== update.before)
    return refuse([`Refused: ${active} has moved meanwhile. Fetch it, merge or rebase, and push again.`])
  const verdict = await judgeActive(parts, push, { ...update, after: update.after }, options)
  return { accepted: verdict.accepted, lines: [...verdict.lines, ...(verdict.accepted ? stored : [])] }
}

function storedLines(updates: readonly Update[], active: string): string[] {
  return updates.flatMap((update) => {
    const branch = branchOf(update)
    if (!branch || branch === active) return []
    return [
      update.after
        ? `Branch ${branch} is stored, not applied: the servers follow ${active}.`
        : `Branch ${branch} is deleted; the servers follow ${active}.`,
    ]
  })
}

const dryRunLines = ['Refused because -o dry-run asked for it; nothing was changed.']

async function judgeActive(
  parts: Parts,
  push: Push,
  { before, after }: { before: string | null; after: string },
  options: PushOptions,
): Promise<Verdict> {
  const { repo } = push
  const place = { at: push.at, env: push.quarantine }
  const { infrastructure: next, findings } = await parts.reader.checkCommit(repo, place, after)
  const errors = errorsOf(findings)
  if (errors.length > 0) return refuse(errorLines(formatFindings(findings), errors.length))
  const former = await formerInfrastructure(parts.reader, push, before)
  const { plan, why } = await askPlan(parts, push, next)
  const losses = await findLosses(parts.bus, { repo, former, next, plan })
  const open = withoutConsent(losses, options)
  const told = [
    ...formatFindings(findings),
    ...(plan
      ? planLines(plan, parts.clock.now())
      : [`The descriptors are good; no plan could be had: ${why}.`]),
    ...taskLines(former, next),
  ]
  if (open.destroy.length + open.replace.length > 0)
    return refuse([...told, '', 'Refused:', ...refusalLines(open)])
  if (options.dryRun) return refuse([...told, '', ...dryRunLines])
  parts.reader.keep(repo, after, next)
  return { accepted: true, lines: [...told, ...watchLines(repo, plan)] }
}

/** Undefined when the catalog of today refuses what was good when it came. */
async function formerInfrastructure(
  reader: Reader,
  { repo, at }: Push,
  before: string | null,
): Promise<Infrastructure | undefined> {
  if (!before) return emptyInfrastructure(repo)
  return reader.read(repo, { at }, before).catch(() => undefined)
}

/** A push never waits long for a plan, and is not refused for want of one. */
async function askPlan(
  { bus, limits, log }: Parts,
  { repo, signal }: Push,
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
