import type { Job, QueueName } from '#contracts'
import { versionOf } from '#contracts/former.ts'
import type { Tx } from '#store'
import { newId } from '../../kit/ids.ts'
import type { Lease, NewJob, Undo, WorkOptions } from '../index.ts'
import { packJob } from '../payload.ts'
import { traceparent } from '../trace.ts'
import { type Batch, batched } from './batch.ts'
import type { Handled } from './handled.ts'
import { type BusParts, refuseInside } from './parts.ts'
import type { BusTables, JobRow } from './schema.ts'
import { type JobHandler, Worker } from './worker.ts'

type Sent = Omit<JobRow, 'seq' | 'queue'> & { queue: QueueName; chosen: boolean }

/** Jobs: each is written once, leased to one worker at a time and gone when done. */
export class Jobs {
  readonly #parts: BusParts
  readonly #handled: Handled
  readonly #outside: <T>(act: () => T) => T
  readonly #workers = new Set<{ queue: QueueName; worker: Worker }>()
  readonly #sending: Batch<Sent>

  constructor(parts: BusParts, handled: Handled, outside: <T>(act: () => T) => T) {
    this.#parts = parts
    this.#handled = handled
    this.#outside = outside
    this.#sending = batched((jobs) => parts.store.transaction((tx) => this.#insert(tx, jobs)))
  }

  async send<Q extends QueueName>(queue: Q, job: NewJob<Q>, tx?: Tx): Promise<string> {
    if (!tx) refuseInside(this.#parts.store, `bus.send('${queue}') without its tx`)
    const { clock } = this.#parts
    const delay = job.delay ?? 0
    const sent: Sent = {
      queue,
      id: job.id ?? newId(clock.now()),
      payload: packJob(queue, job.payload),
      version: versionOf(queue),
      traceparent: traceparent(),
      state: 'ready',
      due: clock.steady() + delay,
      wait: delay,
      attempt: 0,
      failures: 0,
      error: '',
      chosen: job.id !== undefined,
    }
    if (tx) await this.#insert(tx as unknown as Tx<BusTables>, [sent])
    else await this.#sending.add(sent)
    return sent.id
  }

  work<Q extends QueueName>(
    queue: Q,
    handler: (payload: Job<Q>, lease: Lease) => Promise<void>,
    options: WorkOptions = {},
  ): Undo {
    const worker = new Worker(this.#parts, queue, handler as JobHandler, options)
    const entry = { queue, worker }
    this.#workers.add(entry)
    this.#outside(() => worker.wake())
    return async () => {
      this.#workers.delete(entry)
      await worker.stop()
    }
  }

  wake(queue: string): void {
    for (const entry of this.#workers) if (entry.queue === queue) this.#outside(() => entry.worker.wake())
  }

  /** Queues that wait for the store. */
  troubles(): string[] {
    return [...this.#workers].flatMap(({ worker }) => worker.trouble() ?? [])
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers].map(({ worker }) => worker.stop()))
    await this.#sending.idle()
  }

  async #insert(tx: Tx<BusTables>, jobs: Sent[]): Promise<void> {
    for (const { chosen, ...job } of jobs) {
      if (chosen && !(await this.#handled.claim(tx, job.queue, job.id))) continue
      await tx.db.insertInto('bus_jobs').values(job).execute()
    }
    // Who is woken claims it first, which is durable after this.
    tx.onceSeen(() => {
      for (const queue of new Set(jobs.map((job) => job.queue))) this.wake(queue)
    })
  }
}
