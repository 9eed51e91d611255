import type { Bus } from '#bus'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { formatFindings } from '#language'
import type { Store } from '#store'
import { keepAgreed } from './agreed.ts'
import { errorLines, inert, planLines, refusalLines, taskLines, watchLines } from './answer.ts'
import { activeBranch, type Branches } from './branches.ts'
import { type Consent, consentOf } from './consent.ts'
import type { PushQuestion, Update, Verdict } from './hooks.ts'
import { errorsOf, type Reader } from './infrastructure.ts'
import { hasLosses, type Judgement, judgeMove } from './judgement.ts'
import type { Limits } from './limits.ts'
import { faultsOfNames, type PushOptions, parsePushOptions } from './options.ts'
import { getRepository, settingsOf } from './records.ts'
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
      const verdict = await judge(parts, push)
      return { ...verdict, lines: verdict.lines.map(inert) }
    } catch (error) {
      const problem = Problem.of(error)
      if (problem.code === 'internal')
        parts.log.error({ err: error, repo: push.repo }, 'a push could not be judged')
      return refuse([`Refused: ${problem.message}. ${problem.next}`].map(inert))
    }
  }
}

const refuse = (
  lines: string[],
  more: Omit<Verdict, 'accepted' | 'lines'> = { refusal: 'other' },
): Verdict => ({
  accepted: false,
  lines,
  ...more,
})

async function judge(parts: Parts, push: Push): Promise<Verdict> {
  const options = parsePushOptions(push.options)
  const { refs } = parts.limits
  if (push.updates.length > refs)
    return refuse([
      `Refused: this push names ${push.updates.length} refs, more than ${refs}. Push them in parts.`,
    ])
  const row = await getRepository(parts.store.db, push.repo)
  const heads = await parts.branches.heads(push.repo)
  const pushed = push.updates.flatMap((update) => branchOf(update) ?? [])
  const active = activeBranch(row, [...heads.keys(), ...pushed])
  const faults = [...options.faults, ...faultsOfUpdates(push.updates, heads, active)]
  if (faults.length > 0) return refuse(['Refused:', ...faults.map((fault) => `  ${fault}`)])
  const stored = storedLines(push.updates, active)
  const update = push.updates.find((one) => branchOf(one) === active)
  if (!update?.after)
    return options.dryRun
      ? refuse([...stored, ...dryRunLines], { refusal: 'dry run' })
      : { accepted: true, lines: stored }
  if ((heads.get(active) ?? null) !== update.before)
    return refuse([`Refused: ${active} has moved meanwhile. Fetch it, merge or rebase, and push again.`], {
      refusal: 'moved',
    })
  const consent = consentOf(settingsOf(row), options)
  const verdict = await judgeActive(parts, push, { ...update, after: update.after }, options, consent)
  return { ...verdict, lines: [...verdict.lines, ...(verdict.accepted ? stored : [])] }
}

/** Branches beyond these are counted. */
const NAMED = 20

function storedLines(updates: readonly Update[], active: string): string[] {
  const lines = updates.flatMap((update) => {
    const branch = branchOf(update)
    if (!branch || branch === active) return []
    return [
      update.after
        ? `Branch ${branch} is stored, not applied: the servers follow ${active}.`
        : `Branch ${branch} is deleted; the servers follow ${active}.`,
    ]
  })
  if (lines.length <= NAMED) return lines
  return [
    ...lines.slice(0, NAMED),
    `${lines.length - NAMED} more branches are stored or deleted; the servers follow ${active}.`,
  ]
}

const dryRunLines = ['Refused because -o dry-run asked for it; nothing was changed.']

async function judgeActive(
  parts: Parts,
  push: Push,
  { before, after }: { before: string | null; after: string },
  options: PushOptions,
  consent: Consent,
): Promise<Verdict> {
  const { repo, at, quarantine: env, signal } = push
  const judgement = await judgeMove(parts, { repo, at, env, before, after, consent, signal })
  const { findings, former, next, plan, why, losses } = judgement
  const errors = errorsOf(findings)
  const lines = formatFindings(findings)
  if (errors.length > 0)
    return refuse(errorLines(lines, errors.length), { refusal: 'findings', findings: lines })
  const told = [
    ...lines,
    ...(plan
      ? planLines(plan, parts.clock.now())
      : [`The descriptors are good; no plan could be had: ${why}.`]),
    ...taskLines(former, next),
  ]
  const planned = plan ? { plan } : {}
  const misnamed = faultsOfNames(options, nodesOf(judgement, before))
  if (misnamed.length > 0)
    return refuse([...told, '', 'Refused:', ...misnamed.map((fault) => `  ${fault}`)], {
      refusal: 'other',
      ...planned,
    })
  if (hasLosses(losses))
    return refuse([...told, '', 'Refused:', ...refusalLines(losses)], {
      refusal: 'consent',
      losses,
      ...planned,
    })
  if (options.dryRun) return refuse([...told, '', ...dryRunLines], { refusal: 'dry run', ...planned })
  await keepAgreed(parts.store, repo, after, consent)
  parts.reader.keep(repo, after, next)
  return { accepted: true, lines: [...told, ...watchLines(repo, plan)], ...planned }
}

/** Nodes that a push can speak of: before it, after it, and on record; undefined where that cannot be told in full. */
function nodesOf(
  { former, next, plan }: Pick<Judgement, 'former' | 'next' | 'plan'>,
  before: string | null,
): ReadonlySet<string> | undefined {
  if (!plan || (before !== null && !former)) return undefined
  const described = [...(former?.nodes ?? []), ...next.nodes].map(({ id }) => id)
  return new Set([...described, ...plan.map(({ node }) => node)])
}
