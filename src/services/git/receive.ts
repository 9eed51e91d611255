import type { Duplex } from 'node:stream'
import type { Bus } from '#bus'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { stillMay } from '#kit/still-may.ts'
import type { Aftercare } from './aftercare.ts'
import { type PushEnd, recordPush, recordRefusal, unrecorded } from './audit.ts'
import type { Branches } from './branches.ts'
import type { Exchange } from './exchange.ts'
import type { Git } from './git.ts'
import { type PushQuestion, serveHooks, type Update, type Verdict } from './hooks.ts'
import type { Judge } from './judge.ts'
import type { Lanes } from './lanes.ts'
import { moveRefs, reasonsOf } from './moves.ts'
import { finish, start } from './process.ts'

export interface ReceiveParts {
  bus: Bus
  git: Git
  judge: Judge
  branches: Branches
  lanes: Lanes
  aftercare: Aftercare
  clock: Clock
  log: Log
}

/**
 * A push. From its judgement on it has the repository for itself, until it is refused, or its refs have moved and were
 * announced: a client that is slow to read the answer holds up nobody.
 */
export async function receive(parts: ReceiveParts, exchange: Exchange, signal: AbortSignal): Promise<number> {
  const child = start(parts.git, exchange, 2)
  const [questions, answers] = child.stdio.slice(3) as [Duplex, Duplex]
  const push = new Push(parts, exchange, signal)
  const hooks = serveHooks(questions, answers, push).catch((error) => {
    // The hook then reads an end instead of an answer, and git refuses the push.
    if (!gone(error) && !signal.aborted)
      parts.log.error({ err: error, repo: exchange.repo }, 'a hook could not be answered')
    answers.destroy()
  })
  try {
    const exit = await finish(parts.clock, child, signal)
    await hooks
    await push.end()
    return exit
  } finally {
    push.leave()
  }
}

/** One push on its way: judged, then moved. */
class Push {
  readonly #parts: ReceiveParts
  readonly #exchange: Exchange
  readonly #signal: AbortSignal
  #leave = () => {}
  #accepted: readonly Update[] | undefined
  #moved = false
  #recorded: PushEnd | undefined

  constructor(parts: ReceiveParts, exchange: Exchange, signal: AbortSignal) {
    this.#parts = parts
    this.#exchange = exchange
    this.#signal = signal
  }

  async judge(question: PushQuestion): Promise<Verdict> {
    this.#leave = await this.#parts.lanes.enter(this.#exchange.repo, this.#signal)
    const verdict = await this.#judgeAlone(question)
    if (verdict.accepted) this.#accepted = question.updates
    else this.leave()
    return verdict
  }

  async #judgeAlone(question: PushQuestion): Promise<Verdict> {
    const { repo, at, user, caller, stillMay: enter, beforeMove, onVerdict } = this.#exchange
    const signal = this.#signal
    const verdict = await this.#parts.judge({ ...question, repo, at, signal })
    onVerdict?.(verdict)
    if (!verdict.accepted) return this.#refuse(question, verdict)
    // A verdict that nobody waits for any more is none.
    if (signal.aborted) return { ...verdict, accepted: false }
    try {
      // It may have waited long, for its turn and for its plan.
      await (enter?.() ?? stillMay(this.#parts.bus, user, 'repo.write', repo))
      await beforeMove?.()
      if (caller)
        this.#recorded = await recordPush(this.#parts, { ...this.#exchange, caller }, question.updates)
      return verdict
    } catch (error) {
      return this.#refuse(question, unrecorded(error))
    }
  }

  async #refuse({ updates }: PushQuestion, verdict: Verdict): Promise<Verdict> {
    const { caller } = this.#exchange
    if (caller) await recordRefusal(this.#parts, { ...this.#exchange, caller }, updates, verdict)
    return verdict
  }

  /** All or none. From here on it no longer matters whether the client is there. */
  async move(updates: readonly Update[]): Promise<ReadonlyMap<string, string>> {
    const { repo, at, user } = this.#exchange
    const { git, branches, log } = this.#parts
    const reason = this.#obstacle(updates)
    if (reason) return new Map(updates.map(({ ref }) => [ref, reason]))
    try {
      await moveRefs(git, at, { user, updates })
    } catch (error) {
      log.warn({ err: error, repo }, 'the refs of a push could not be moved')
      return reasonsOf(updates, error)
    }
    this.#moved = true
    // Before git tells the client that its push is in; what fails here is tried again at the end.
    await branches
      .announce(repo, user)
      .catch((error) => log.error({ err: error, repo }, 'a push could not be announced yet'))
    this.leave()
    return new Map()
  }

  #obstacle(updates: readonly Update[]): string | undefined {
    if (!this.#accepted) return 'the push was not judged'
    if (this.#signal.aborted) return 'the push was given up'
    // Git itself keeps back what it does not take, such as commits that are not connected.
    if (updates.length !== this.#accepted.length) return 'another ref of this push was refused'
    return undefined
  }

  /** When git has ended. */
  async end(): Promise<void> {
    const { repo, user } = this.#exchange
    await this.#recorded?.(this.#moved ? 'done' : 'failed')
    if (this.#accepted) await this.#parts.aftercare(repo, user)
  }

  leave(): void {
    this.#leave()
  }
}

const gone = (error: unknown): boolean =>
  ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException)?.code ?? '')
