import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import { inert } from './answer.ts'
import { activeBranch, type Branches } from './branches.ts'
import { draftCommit } from './draft.ts'
import type { RunExchange } from './exchange.ts'
import type { Git } from './git.ts'
import type { Verdict } from './hooks.ts'
import type { Limits } from './limits.ts'
import { locate } from './locate.ts'
import { packetLine, readPackets } from './packets.ts'
import type { Places } from './places.ts'
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
  const wish = { ref: `refs/heads/${branch}`, before, after: draft.commit, options: optionsOf(asked) }
  const { verdict, said, report } = await pushDraft(parts, { repo, at, user: by }, wish, draft.pack, signal)
  const answer = verdict?.lines ?? []
  const plan = verdict?.plan ?? null
  if (verdict?.refusal === 'dry run') return { commit: null, branch, answer, plan }
  if (verdict?.accepted && report.includes(`ok ${wish.ref}`))
    return { commit: draft.commit, branch, answer, plan }
  throw refusalOf(branch, verdict, [...report.filter((line) => !line.startsWith('ok ')), said])
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
  const user = await bus.ask('profiles.get_user', { name }).catch(() => undefined)
  // Only what git takes for an address; people may write anything.
  return user?.email && /^[^\s<>\p{Cc}]+$/u.test(user.email) ? user.email : name
}

interface Update {
  ref: string
  before: string | null
  after: string
  options: string[]
}

/** Speaks the client's side of gitprotocol-pack(5) with a git of ours. */
async function pushDraft(
  { run }: Parts,
  who: { repo: string; at: string; user: string },
  { ref, before, after, options }: Update,
  pack: Buffer,
  signal: AbortSignal,
) {
  let verdict: Verdict | undefined
  const capabilities = 'report-status atomic push-options object-format=sha1 agent=devo.ps'
  const request = Buffer.concat([
    packetLine(`${before ?? '0'.repeat(40)} ${after} ${ref}\0 ${capabilities}`),
    packetLine(null),
    ...options.map(packetLine),
    packetLine(null),
    pack,
  ])
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const heard = Promise.all([buffer(stdout), buffer(stderr)])
  const exchange = {
    ...who,
    program: 'receive-pack' as const,
    args: ['--stateless-rpc'],
    stdin: Readable.from([request]),
    stdout,
    stderr,
    onVerdict: (one: Verdict) => {
      verdict = one
    },
  }
  try {
    await run(exchange, signal)
  } finally {
    stdout.end()
    stderr.end()
  }
  const [report, said] = await heard
  return { verdict: verdict as Verdict | undefined, report: readPackets(report), said: said.toString() }
}

function refusalOf(branch: string, verdict: Verdict | undefined, said: readonly string[]): Problem {
  const { refusal, lines = [], findings = [], losses } = verdict ?? {}
  if (refusal === 'findings') return new Problem('refused', { findings })
  if (refusal === 'moved') return new Problem('conflict', { reason: `${branch} has moved meanwhile` })
  if (refusal === 'consent')
    return new Problem('conflict', {
      reason: `servers would be lost without consent: ${lines.slice(lines.indexOf('Refused:') + 1, -1).join(' ')} If it is meant, name them in \`destroy\` and \`replace\``,
      losses,
    })
  if (verdict && !verdict.accepted) return new Problem('invalid', { reason: lines.join(' ').trim() })
  const reason = said.map((line) => inert(line.trim())).filter(Boolean)
  return new Problem(verdict ? 'conflict' : 'invalid', {
    reason: reason.join(' ').slice(0, 1000) || 'git refused it',
  })
}
