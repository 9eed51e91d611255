import type { CallName, EventData, EventPattern, Input, Job, Output, QueueName } from '#contracts'
import type { Tx } from '#store'

/**
 * The three verbs by which services speak (DESIGN §2). Every payload is copied and validated at the boundary; one that
 * does not fit throws `invalid` with the path.
 */
export interface Bus {
  /** A question with an answer now: at most once. Throws the answerer's Problem, or `no_answer`, `deadline`, `cancelled`. */
  ask<K extends CallName>(name: K, input: Input<K>, options?: AskOptions): Promise<Output<K>>
  /** Answers a call. One answerer a call and process. Returns its undo. */
  answer<K extends CallName>(
    name: K,
    handler: (input: Input<K>, context: AskContext) => Promise<Output<K>>,
  ): Undo

  /**
   * A fact that has happened. Durable when the promise resolves; with `tx`, when that transaction commits.
   * The type is the pattern with `*` replaced by `name`. Events with the same `subject` reach a consumer in order.
   * A second publish with the same `id` is ignored. Returns the event's id.
   */
  publish<P extends EventPattern>(pattern: P, event: NewEvent<P>, tx?: Tx): Promise<string>
  /**
   * Subscribes a durable consumer: it gets each event at least once, in order per subject, retried with back-off and
   * parked after too many failures. Put the effect into `delivery.once`, and it happens exactly once.
   */
  on<P extends EventPattern>(
    consumer: string,
    patterns: readonly P[],
    handler: (event: BusEvent<P>, delivery: Delivery) => Promise<void>,
  ): Undo

  /** A job for exactly one worker. Durable when the promise resolves, or with `tx`'s commit. Same `id`: ignored. */
  send<Q extends QueueName>(queue: Q, job: NewJob<Q>, tx?: Tx): Promise<string>
  /**
   * Works a queue: a job is leased to one worker, the lease is renewed while the handler runs, and the job goes to
   * another when the worker dies. A throw retries it with back-off, and parks it after `attempts`.
   */
  work<Q extends QueueName>(
    queue: Q,
    handler: (payload: Job<Q>, lease: Lease) => Promise<void>,
    options?: WorkOptions,
  ): Undo

  /** What was parked, for people to look at: jobs and deliveries that failed too often. */
  parked(): Promise<Parked[]>
  /** Gives a parked job or delivery a new series of attempts. */
  revive(id: string): Promise<void>
  /** Takes away a parked job or delivery that nobody needs any more. */
  discard(id: string): Promise<void>
  /** What cannot be delivered or worked here at present, and why: consumers and queues that wait for the store. */
  troubles(): readonly string[]
}

export type Undo = () => Promise<void>

export interface AskOptions {
  /** Milliseconds; 30,000 when absent. */
  deadline?: number
  signal?: AbortSignal
}

export interface AskContext {
  /** Aborts at the deadline or when the asker gives up. */
  signal: AbortSignal
}

export interface NewEvent<P extends EventPattern> {
  id?: string
  /** Fills the `*` of the pattern: a node's or a task's id. */
  name?: string
  /** Orders events: `owner/repo`, `owner/repo/node`. */
  subject: string
  data: EventData<P>
  /** W3C trace context; taken from the running handler when absent. */
  traceparent?: string
}

/** CloudEvents 1.0 with `traceparent`. */
export interface BusEvent<P extends EventPattern = EventPattern> {
  id: string
  source: string
  type: string
  /** The pattern of the contract that the type belongs to. */
  pattern: P
  /** What stands for `*` in the type; empty when the pattern has none. */
  name: string
  subject: string
  /** Milliseconds since the epoch. */
  time: number
  data: EventData<P>
  traceparent: string
}

export interface Delivery {
  id: string
  /** 1 at first; grows with each redelivery. */
  attempt: number
  /** Aborts when the bus stops or the lease is lost. */
  signal: AbortSignal
  /**
   * Runs `effect` in a transaction that also records this event or job as handled: a redelivery finds the record and
   * skips it. Returns whether the effect ran. Throws `fenced` when a newer attempt has taken over.
   */
  once(effect: (tx: Tx) => Promise<void>): Promise<boolean>
}

export interface NewJob<Q extends QueueName> {
  id?: string
  payload: Job<Q>
  /** Milliseconds before it may start; 0 when absent. */
  delay?: number
}

export interface Lease extends Delivery {
  traceparent: string
  /** The job gets on: its failures so far, deaths of its workers among them, do not count any more. */
  progress(): Promise<void>
}

export interface WorkOptions {
  /** Jobs at the same time in this process; 1 when absent. */
  concurrency?: number
  /** Milliseconds a silent worker keeps a job; 30,000 when absent. */
  lease?: number
  /** Failures in a row, deaths of workers among them, before a job is parked; 10 when absent. */
  attempts?: number
}

export interface Parked {
  /** What `revive` takes. */
  id: string
  /** The id of the job or event. */
  of: string
  kind: 'job' | 'delivery'
  /** The queue, or the consumer. */
  where: string
  error: string
  attempts: number
}
