import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Problem } from '#kit/problem.ts'
import { inert } from './answer.ts'
import type { Exchange, RunExchange } from './exchange.ts'
import type { Verdict } from './hooks.ts'
import { packetLine, readPackets } from './packets.ts'

export interface Update {
  ref: string
  before: string | null
  after: string
  options: string[]
  pack: Buffer
}

export interface Pushed {
  /** The ref is where it was to be. */
  moved: boolean
  verdict: Verdict | undefined
  /** What git had to say beside the verdict. */
  said: readonly string[]
}

type Who = Pick<Exchange, 'repo' | 'at' | 'user' | 'beforeMove'>

/** Speaks the client's side of gitprotocol-pack(5) with a git of ours. */
export async function pushDraft(
  { run }: { run: RunExchange },
  who: Who,
  { ref, before, after, options, pack }: Update,
  signal: AbortSignal,
): Promise<Pushed> {
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
  // Assigned in a closure: the compiler does not see it.
  const judged = verdict as Verdict | undefined
  const told = readPackets(report)
  return {
    moved: judged?.accepted === true && told.includes(`ok ${ref}`),
    verdict: judged,
    said: [...told.filter((line) => !line.startsWith('ok ')), said.toString()],
  }
}

/** Why a branch was not moved. */
export function refusalOf(branch: string, { verdict, said }: Pushed): Problem {
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
