import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { Bus } from '#bus'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { stillMay } from '#kit/still-may.ts'
import type { Admission, Caller, Program } from './access.ts'
import type { Aftercare } from './aftercare.ts'
import { type PushEnd, recordPush, recordRefusal, unrecorded } from './audit.ts'
import type { Branches } from './branches.ts'
import type { Git } from './git.ts'
import { serveHooks, type Verdict } from './hooks.ts'
import type { Judge } from './judge.ts'
import type { Lanes } from './lanes.ts'
import type { Limits } from './limits.ts'

export interface Exchange extends Omit<Admission, 'caller'> {
  /** Absent when it is made here: then who asked for it has recorded it. */
  caller?: Caller
  program: Program
  /** Options of the program: `--stateless-rpc`. */
  args?: string[]
  /** `GIT_PROTOCOL`, checked. */
  protocol?: string
  stdin: Readable
  /** Neither is ended: the exit status has to follow. */
  stdout: Writable
  stderr?: Writable
  /** Judges again who pushes, by what they entered with; by their name alone when absent. Throws a refusal. */
  stillMay?(): Promise<unknown>
  /** Hears how a push was judged, before its refs move. */
  onVerdict?(verdict: Verdict): void
  /** What must be on record when an accepted push moves its refs; when it cannot be, they do not. */
  beforeMove?(): Promise<void>
}

/** Lets one git process speak with one client. Gives its exit status; 128 when it was killed. */
export type RunExchange = (exchange: Exchange, signal: AbortSignal) => Promise<number>

interface Parts {
  bus: Bus
  git: Git
  judge: Judge
  branches: Branches
  lanes: Lanes
  aftercare: Aftercare
  clock: Clock
  log: Log
  limits: Limits
}

const PATIENCE = 5000

export function createExchange(parts: Parts): RunExchange {
  const receiving = new Map<string, number>()

  async function receiveAndSweep(exchange: Exchange, signal: AbortSignal): Promise<number> {
    receiving.set(exchange.at, (receiving.get(exchange.at) ?? 0) + 1)
    try {
      return await receive(parts, exchange, signal)
    } finally {
      const left = (receiving.get(exchange.at) ?? 1) - 1
      receiving.set(exchange.at, left)
      if (left === 0) {
        receiving.delete(exchange.at)
        await sweepQuarantine(exchange.at)
      }
    }
  }

  return async (exchange, signal) => {
    const late = new AbortController()
    const undo = parts.clock.after(parts.limits.time, () => late.abort())
    const both = AbortSignal.any([signal, late.signal])
    try {
      if (exchange.program === 'receive-pack') return await receiveAndSweep(exchange, both)
      return await finish(parts, start(parts, exchange, 0), both, () => false)
    } finally {
      undo()
    }
  }
}

/** A push. From its judgement on it has the repository for itself, until its refs have moved and were announced. */
async function receive(parts: Parts, exchange: Exchange, signal: AbortSignal): Promise<number> {
  const { repo, at, user, caller } = exchange
  const child = start(parts, exchange, 2)
  const [questions, answers] = child.stdio.slice(3) as [Duplex, Duplex]
  let leave: (() => void) | undefined
  let accepted = false
  let recorded: PushEnd | undefined
  const hooks = serveHooks(questions, answers, {
    async judge(question) {
      leave ??= await parts.lanes.enter(repo)
      const verdict = await parts.judge({ ...question, repo, at, signal })
      accepted = verdict.accepted && !signal.aborted
      exchange.onVerdict?.(verdict)
      if (!accepted) {
        // A verdict that nobody waited for any more is none.
        if (caller && !verdict.accepted)
          await recordRefusal(parts, { ...exchange, caller }, question.updates, verdict)
        return { ...verdict, accepted }
      }
      try {
        // It may have waited long, for its turn and for its plan.
        await (exchange.stillMay?.() ?? stillMay(parts.bus, user, 'repo.write', repo))
        await exchange.beforeMove?.()
        if (caller) recorded ??= await recordPush(parts, { ...exchange, caller }, question.updates)
        return verdict
      } catch (error) {
        accepted = false
        const refused = unrecorded(error)
        if (caller) await recordRefusal(parts, { ...exchange, caller }, question.updates, refused)
        return refused
      }
    },
    moved: () => parts.branches.announce(repo, user),
  }).catch((error) => {
    // The hook then reads an end instead of an answer, and git refuses the push.
    if (!gone(error)) parts.log.error({ err: error, repo }, 'a hook could not be answered')
    answers.destroy()
  })
  try {
    const exit = await finish(parts, child, signal, () => accepted)
    await hooks
    await recorded?.(exit === 0 ? 'done' : 'failed')
    if (accepted) await parts.aftercare(repo, user)
    return exit
  } finally {
    leave?.()
  }
}

function start({ git }: Parts, exchange: Exchange, pipes: number): ChildProcess {
  const { program, user, protocol } = exchange
  const env = {
    // The log of each branch says who moved it.
    GIT_COMMITTER_NAME: user,
    GIT_COMMITTER_EMAIL: user,
    ...(protocol && { GIT_PROTOCOL: protocol }),
  }
  const child = git.start([program, ...(exchange.args ?? []), exchange.at], { env, hooks: pipes > 0, pipes })
  for (const stream of child.stdio) stream?.on('error', () => {})
  if (child.stdin) exchange.stdin.pipe(child.stdin)
  child.stdout?.pipe(exchange.stdout, { end: false })
  if (exchange.stderr) child.stderr?.pipe(exchange.stderr, { end: false })
  else child.stderr?.resume()
  return child
}

/** Waits for the end, and brings it about when `signal` aborts: the client is gone or the time is up. */
async function finish(
  { clock }: Parts,
  child: ChildProcess,
  signal: AbortSignal,
  settled: () => boolean,
): Promise<number> {
  let undo = () => {}
  const onAbort = () => {
    // Nobody reads any more: what it still says must not hold it up.
    for (const stream of [child.stdout, child.stderr]) stream?.unpipe().resume()
    if (settled()) return
    killGroup(child, 'SIGTERM')
    undo = clock.after(PATIENCE, () => killGroup(child, 'SIGKILL'))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 128
  } finally {
    undo()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Git, its hooks and its helpers: they are a process group of their own. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * Removes what a killed git left of its quarantine. Only while nothing is received; looks synchronously, so that a push
 * which starts during the removal is not in the list.
 */
export async function sweepQuarantine(at: string): Promise<void> {
  const objects = join(at, 'objects')
  for (const name of readdirSync(objects))
    if (/^(tmp_objdir-)?incoming-/.test(name)) await rm(join(objects, name), { recursive: true, force: true })
}

const gone = (error: unknown): boolean =>
  ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException)?.code ?? '')
