import type { QueueName } from '#contracts'
import type { Tx } from '#store'
import { isNoRoom, isProblem } from '../../kit/problem.ts'
import { createPump, type Pump } from '../../kit/pump.ts'
import { ATTEMPTS, FULL_PAUSE, retryDelay } from '../backoff.ts'
import type { Lease, WorkOptions } from '../index.ts'
import { unpackJob } from '../payload.ts'
import { withTrace } from '../trace.ts'
import { claimJobs, completeJob, forgetFailures, type Held, renewLease, returnJob } from './leases.ts'
import { type BusParts, reasonOf } from './parts.ts'

export type JobHandler = (payload: unknown, lease: Lease) => Promise<void>

/** Takes jobs of one queue, as many at a time as it may. Woken by a new job, a free place or the next due time. */
export class Worker {
  readonly #parts: BusParts
  readonly #queue: QueueName
  readonly #handler: JobHandler
  readonly #limits: Required<WorkOptions>
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  readonly #claims: Pump
  #cancelTimer = () => {}
  #waits = false

  constructor(parts: BusParts, queue: QueueName, handler: JobHandler, options: WorkOptions) {
    this.#parts = parts
    this.#queue = queue
    this.#handler = handler
    this.#claims = createPump(() => this.#claim())
    this.#limits = { concurrency: 1, lease: 30_000, attempts: ATTEMPTS, ...options }
  }

  /** Why it takes no jobs at present. */
  trouble(): string | undefined {
    return this.#waits ? `the queue ${this.#queue} waits for the store` : undefined
  }

  wake(): void {
    if (!this.#stop.signal.aborted) this.#claims.poke()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#cancelTimer()
    await this.#claims.idle()
    this.#cancelTimer()
    await Promise.all(this.#running)
  }

  async #claim(): Promise<void> {
    const limit = this.#limits.concurrency - this.#running.size
    if (limit <= 0 || this.#stop.signal.aborted) return
    try {
      const { held, next } = await claimJobs(this.#parts, this.#queue, { ...this.#limits, limit })
      this.#waits = false
      for (const job of held) this.#start(job)
      this.#wakeAt(next)
    } catch (error) {
      this.#waits = true
      this.#parts.log.error({ queue: this.#queue, err: error }, 'jobs cannot be claimed')
      this.#wakeAt(this.#parts.clock.steady() + retryDelay(1))
    }
  }

  #wakeAt(time: number | undefined): void {
    this.#cancelTimer()
    if (time === undefined || this.#stop.signal.aborted) return
    this.#cancelTimer = this.#parts.clock.after(time - this.#parts.clock.steady(), () => this.wake())
  }

  #start(held: Held): void {
    const run: Promise<void> = this.#run(held).finally(() => {
      this.#running.delete(run)
      this.wake()
    })
    this.#running.add(run)
  }

  async #run(held: Held): Promise<void> {
    const lost = new AbortController()
    const stopBeating = this.#heartbeat(held, lost)
    try {
      await withTrace(held.traceparent, () =>
        this.#handle(held, AbortSignal.any([lost.signal, this.#stop.signal])),
      )
    } catch (error) {
      await this.#fail(held, error)
    } finally {
      stopBeating()
    }
  }

  async #handle(held: Held, signal: AbortSignal): Promise<void> {
    let done = false
    const lease: Lease = {
      id: held.id,
      attempt: held.attempt,
      traceparent: held.traceparent,
      signal,
      progress: async () => {
        if (held.failures === 0) return
        await forgetFailures(this.#parts, held)
        held.failures = 0
      },
      once: async (effect) => {
        if (done) return false
        const ran = await this.#once(held, effect)
        done = true
        return ran
      },
    }
    try {
      await this.#handler(unpackJob(this.#queue, held.payload, held.version), lease)
    } catch (error) {
      if (!done) throw error
      this.#parts.log.warn(
        { queue: this.#queue, job: held.id, err: error },
        'a worker failed after its effect',
      )
    }
    if (!done) await this.#once(held, async () => {})
  }

  #once(held: Held, effect: (tx: Tx) => Promise<void>): Promise<boolean> {
    return this.#parts.store.transaction(async (tx) => {
      if (!(await completeJob(tx, held))) return false
      await effect(tx as Tx)
      return true
    })
  }

  /** Renews the lease while the handler runs; tells the handler when it is lost. */
  #heartbeat(held: Held, lost: AbortController): () => void {
    const { clock, log } = this.#parts
    const { lease } = this.#limits
    let until = clock.steady() + lease
    let cancel = () => {}
    const beat = async () => {
      const next = clock.steady() + lease
      try {
        if (await renewLease(this.#parts, held, next)) until = next
        else lost.abort()
      } catch (error) {
        log.error({ queue: this.#queue, job: held.id, err: error }, 'a lease cannot be renewed')
        if (clock.steady() >= until) lost.abort()
      }
      schedule()
    }
    let ended = false
    const schedule = () => {
      if (!ended && !lost.signal.aborted) cancel = clock.after(lease / 3, beat)
    }
    schedule()
    return () => {
      ended = true
      cancel()
    }
  }

  async #fail(held: Held, error: unknown): Promise<void> {
    const { clock, log } = this.#parts
    const about = { queue: this.#queue, job: held.id, attempt: held.attempt, err: error }
    if (isProblem(error, 'fenced')) return log.warn(about, 'a newer attempt has taken over this job')
    const stopped = this.#stop.signal.aborted
    const noRoom = isNoRoom(error)
    const failures = held.failures + (stopped || noRoom ? 0 : 1)
    const parked = failures >= this.#limits.attempts
    if (!stopped)
      log[parked ? 'error' : 'warn'](
        about,
        parked ? 'a job is parked' : 'a job failed and will be tried again',
      )
    const wait = stopped ? 0 : noRoom ? FULL_PAUSE : retryDelay(failures)
    try {
      await returnJob(this.#parts, held, {
        state: parked ? 'parked' : 'ready',
        due: clock.steady() + wait,
        wait,
        failures,
        error: reasonOf(error),
      })
    } catch (reason) {
      // The lease ends by itself.
      log.error({ ...about, err: reason }, 'a failure cannot be recorded')
    }
  }
}
