import { isNoRoom, Problem } from '../../kit/problem.ts'
import { ATTEMPTS, FULL_PAUSE, retryDelay } from '../backoff.ts'
import { withTrace } from '../trace.ts'
import { type Batch, batched } from './batch.ts'
import { type Due, findDeliveries, recordFailure } from './deliveries.ts'
import { type EventHandler, Handling } from './handling.ts'
import { insert, LANE_ROWS, type Lane, newLane, offer, refill, shrink } from './lanes.ts'
import { type BusParts, reasonOf } from './parts.ts'
import { Troubles } from './troubles.ts'

/** Subjects handled at the same time. */
const CONCURRENCY = 32
const PAGE = 200
/** Milliseconds that a completion waits for others: each commit is a sync of the disk, and nobody waits for this one. */
const LINGER = 25
/** Lanes with work before reading pauses. */
const BUSY = 100

/**
 * A consumer attached to this process. The table is read in pages, in order; rows are sorted into a lane a subject, and
 * each lane runs by itself: a subject that fails waits alone. Nothing polls: a publication wakes it, or the next due time.
 */
export class Subscription {
  readonly #parts: BusParts
  readonly #consumer: string
  readonly #handling: Handling
  readonly #lanes = new Map<string, Lane>()
  readonly #queue: Lane[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  readonly #completing: Batch<Due>
  /** Finished rows that the reader has not come to yet: a lane reads ahead of it. */
  readonly #ahead = new Set<number>()
  readonly #troubles: Troubles
  #position = 0
  #more = true
  #reading: Promise<void> | undefined

  constructor(parts: BusParts, consumer: string, epoch: number, handler: EventHandler) {
    this.#parts = parts
    this.#consumer = consumer
    this.#handling = new Handling(parts, { name: consumer, epoch, handler, signal: this.#stop.signal })
    this.#troubles = new Troubles(parts.clock)
    this.#completing = batched((rows) => this.#handling.complete(rows), LINGER)
  }

  /** Why it gets nothing at present. */
  trouble(): string | undefined {
    return this.#troubles.any() ? `the consumer ${this.#consumer} waits for the store` : undefined
  }

  /**
   * Puts it on the list of those for whom events are kept, before it gets any. Without that it would sleep for ever: it is
   * tried until it is done.
   */
  async attach(register: () => Promise<void>): Promise<void> {
    for (; !this.#stop.signal.aborted; ) {
      try {
        await register()
        this.#troubles.end('register')
        return this.wake()
      } catch (error) {
        this.#parts.log.error({ consumer: this.#consumer, err: error }, 'a consumer cannot be registered')
        await this.#troubles.pause('register', this.#stop.signal)
      }
    }
  }

  /** Something was published for it. */
  wake(): void {
    this.#more = true
    this.#read()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const lane of this.#lanes.values()) lane.wake()
    await this.#reading
    await Promise.all(this.#running)
    await this.#completing.idle()
  }

  /** Takes back a row that was parked, or whose completion failed. */
  revive(row: Due): void {
    const lane = this.#lane(row.subject)
    insert(lane, row)
    if (lane.state === 'waiting') lane.wake()
    this.#enqueue(lane)
  }

  #read(): void {
    if (this.#reading || this.#stop.signal.aborted || !this.#more || this.#busy() >= BUSY) return
    this.#reading = this.#readPages()
      .then(
        () => this.#troubles.end('read'),
        (error) => {
          this.#parts.log.error({ consumer: this.#consumer, err: error }, 'events cannot be read')
          this.#more = true
          return this.#troubles.pause('read', this.#stop.signal)
        },
      )
      .finally(() => {
        this.#reading = undefined
        this.#read()
      })
  }

  async #readPages(): Promise<void> {
    while (this.#more && this.#busy() < BUSY && !this.#stop.signal.aborted) {
      this.#more = false
      const page = await findDeliveries(this.#parts, this.#consumer, { after: this.#position, limit: PAGE })
      if (page.length === PAGE) this.#more = true
      for (const row of page) {
        this.#position = row.seq
        if (this.#ahead.delete(row.seq)) continue
        const lane = this.#lane(row.subject)
        offer(lane, row)
        this.#enqueue(lane)
      }
    }
  }

  #busy(): number {
    return this.#queue.length + this.#running.size
  }

  #lane(subject: string): Lane {
    const known = this.#lanes.get(subject)
    if (known) return known
    const lane = newLane(subject)
    this.#lanes.set(subject, lane)
    return lane
  }

  #enqueue(lane: Lane): void {
    if (lane.state !== 'idle' || this.#stop.signal.aborted) return
    lane.state = 'queued'
    this.#queue.push(lane)
    this.#startLanes()
  }

  #startLanes(): void {
    while (this.#running.size < CONCURRENCY) {
      const lane = this.#queue.shift()
      if (!lane) return
      lane.state = 'running'
      const run: Promise<void> = this.#runLane(lane)
        .catch((error) => {
          this.#parts.log.error({ consumer: this.#consumer, err: error }, 'events cannot be read')
          return this.#troubles.pause('read', this.#stop.signal)
        })
        .finally(() => {
          this.#running.delete(run)
          this.#afterLane(lane)
        })
      this.#running.add(run)
    }
  }

  #afterLane(lane: Lane): void {
    if (lane.state === 'running') lane.state = 'idle'
    if (lane.rows.length > 0 || lane.left > 0) this.#enqueue(lane)
    else if (lane.state === 'idle') this.#lanes.delete(lane.subject)
    this.#startLanes()
    this.#read()
  }

  /** Runs until the lane is empty, must wait, or has had its turn. */
  async #runLane(lane: Lane): Promise<void> {
    for (let turn = 0; turn < LANE_ROWS && !this.#stop.signal.aborted; turn++) {
      const row = lane.rows.shift() ?? (await this.#nextOfLane(lane))
      if (!row) return
      const wait = row.due - this.#parts.clock.steady()
      if (wait <= 0 && (await this.#deliver(row))) {
        if (row.seq > this.#position) this.#ahead.add(row.seq)
        continue
      }
      lane.rows.unshift(row)
      if (!this.#stop.signal.aborted) this.#waitFor(lane, row)
      return
    }
  }

  async #nextOfLane(lane: Lane): Promise<Due | undefined> {
    if (lane.left === 0) return undefined
    const { left, subject } = lane
    const page = await findDeliveries(this.#parts, this.#consumer, {
      after: lane.last,
      subject,
      limit: LANE_ROWS,
    })
    refill(lane, page, left)
    return lane.rows.shift()
  }

  #waitFor(lane: Lane, head: Due): void {
    shrink(lane)
    lane.state = 'waiting'
    const undo = this.#parts.clock.after(head.due - this.#parts.clock.steady(), () => lane.wake())
    lane.wake = () => {
      undo()
      if (lane.state !== 'waiting') return
      lane.state = 'idle'
      this.#enqueue(lane)
    }
  }

  /** Whether the row is done with: handled or parked. */
  async #deliver(row: Due): Promise<boolean> {
    try {
      const handled = await withTrace(row.traceparent, () => this.#handling.handle(row))
      if (handled) this.#troubles.end('record')
      else this.#completeSoon(row)
      return true
    } catch (error) {
      if (this.#stop.signal.aborted) return false
      return this.#fail(row, error)
    }
  }

  /**
   * The lane goes on meanwhile, so that many completions share a commit. A kill before it means a second delivery,
   * which a handler that does not use `once` has agreed to.
   */
  #completeSoon(row: Due): void {
    this.#completing.add(row).then(
      () => this.#troubles.end('record'),
      async (error) => {
        if (this.#stop.signal.aborted || (await this.#fail(row, error))) return
        if (!this.#stop.signal.aborted) this.revive(row)
      },
    )
  }

  async #fail(row: Due, error: unknown): Promise<boolean> {
    const { clock, log } = this.#parts
    const about = { consumer: this.#consumer, event: row.event, err: error }
    if (error instanceof Problem && error.code === 'fenced') {
      log.warn(about, 'another process has taken over this consumer')
      this.#stop.abort()
      return false
    }
    const noRoom = isNoRoom(error)
    if (!noRoom) row.failures++
    row.due = clock.steady() + (noRoom ? FULL_PAUSE : retryDelay(row.failures))
    const parked = row.failures >= ATTEMPTS
    log[parked ? 'error' : 'warn'](
      about,
      parked ? 'a delivery is parked' : 'a handler failed and will be tried again',
    )
    const failure = { failures: row.failures, due: row.due, parked: parked ? 1 : 0, error: reasonOf(error) }
    try {
      await recordFailure(this.#parts, row.seq, failure)
      this.#troubles.end('record')
      return parked
    } catch (reason) {
      this.#troubles.begin('record')
      log.error({ ...about, err: reason }, 'a failure cannot be recorded')
      return false
    }
  }
}
