import type { CallName, Input, Output } from '#contracts'
import { Problem } from '../../kit/problem.ts'
import type { AskContext, AskOptions, Undo } from '../index.ts'
import { copyInput, copyOutput } from '../payload.ts'
import { traceparent, withTrace } from '../trace.ts'
import { type BusParts, refuseInside } from './parts.ts'

type Answer = (input: unknown, context: AskContext) => Promise<unknown>

const DEADLINE = 30_000

/** Questions within one process: a function call whose payloads are copied and judged. */
export class Calls {
  readonly #parts: BusParts
  readonly #answers = new Map<CallName, Answer>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()

  constructor(parts: BusParts) {
    this.#parts = parts
  }

  async ask<K extends CallName>(name: K, input: Input<K>, options: AskOptions = {}): Promise<Output<K>> {
    refuseInside(this.#parts.store, `bus.ask('${name}')`)
    const copy = copyInput(name, input)
    const answer = this.#answers.get(name)
    if (!answer) throw new Problem('no_answer', { call: name })
    return (await this.#limited(name, options, (signal) =>
      this.#run(name, answer, copy, signal),
    )) as Output<K>
  }

  answer<K extends CallName>(
    name: K,
    handler: (input: Input<K>, context: AskContext) => Promise<Output<K>>,
  ): Undo {
    if (this.#answers.has(name)) throw new Error(`${name} is answered already in this process`)
    const answer = handler as Answer
    this.#answers.set(name, answer)
    return async () => {
      if (this.#answers.get(name) === answer) this.#answers.delete(name)
    }
  }

  /** Aborts what runs and waits for it. */
  async stop(): Promise<void> {
    this.#answers.clear()
    this.#stop.abort()
    await Promise.allSettled(this.#running)
  }

  async #run(name: CallName, answer: Answer, input: unknown, signal: AbortSignal): Promise<unknown> {
    const work = withTrace(traceparent(), async () => answer(input, { signal }))
    this.#running.add(work)
    try {
      return this.#copyAnswer(name, await work)
    } catch (error) {
      throw this.#copyProblem(name, error)
    } finally {
      this.#running.delete(work)
    }
  }

  #copyAnswer(name: CallName, value: unknown): unknown {
    try {
      return copyOutput(name, value)
    } catch (error) {
      // The asker did nothing wrong: an answer that does not fit is ours.
      const { reason, path } = Problem.of(error).data
      throw new Problem('internal', { reason, path }, { cause: error })
    }
  }

  #copyProblem(name: CallName, error: unknown): Problem {
    const problem = Problem.of(error)
    if (problem.code === 'internal') this.#parts.log.error({ call: name, err: error }, 'an answer broke')
    return Problem.from(JSON.parse(JSON.stringify(problem)))
  }

  /** Whichever comes first: the answer, the deadline, the asker's or the bus's end. */
  async #limited<T>(
    call: CallName,
    options: AskOptions,
    act: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { deadline = DEADLINE, signal } = options
    const controller = new AbortController()
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const end = (problem: Problem) => {
      controller.abort(problem)
      reject(problem)
    }
    const cancel = () => end(new Problem('cancelled', { call }))
    if (signal?.aborted || this.#stop.signal.aborted) throw new Problem('cancelled', { call })
    const undo = this.#parts.clock.after(deadline, () => end(new Problem('deadline', { call, ms: deadline })))
    signal?.addEventListener('abort', cancel)
    this.#stop.signal.addEventListener('abort', cancel)
    try {
      return await Promise.race([act(controller.signal), ended])
    } finally {
      undo()
      signal?.removeEventListener('abort', cancel)
      this.#stop.signal.removeEventListener('abort', cancel)
    }
  }
}
