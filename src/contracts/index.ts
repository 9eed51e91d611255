import type Type from 'typebox'
import * as audit from './audit.ts'
import * as credentials from './credentials.ts'
import type { CallShape } from './define.ts'
import * as deliveries from './deliveries.ts'
import * as git from './git.ts'
import * as logger from './logger.ts'
import * as monitor from './monitor.ts'
import * as profiles from './profiles.ts'
import * as registry from './registry.ts'
import * as schedules from './schedules.ts'
import * as shazam from './shazam.ts'
import * as tasker from './tasker.ts'

/** The whole vocabulary: what may pass between services, and in which shape. */
export const calls = {
  ...git.calls,
  ...registry.calls,
  ...profiles.calls,
  ...audit.calls,
  ...credentials.calls,
  ...tasker.calls,
  ...deliveries.calls,
  ...schedules.calls,
  ...shazam.calls,
  ...monitor.calls,
  ...logger.calls,
}

/** Event patterns; `*` stands for the id of a node or task. */
export const events = {
  ...git.events,
  ...registry.events,
  ...profiles.events,
  ...tasker.events,
  ...shazam.events,
  ...monitor.events,
  ...logger.events,
}

export const queues = {
  ...git.queues,
  ...registry.queues,
  ...profiles.queues,
  ...tasker.queues,
  ...shazam.queues,
  ...monitor.queues,
  ...logger.queues,
}

type Calls = typeof calls
type Events = typeof events
type Queues = typeof queues

export type CallName = keyof Calls
export type Input<K extends CallName> =
  Calls[K] extends CallShape<infer I, Type.TSchema> ? Type.Static<I> : never
export type Output<K extends CallName> =
  Calls[K] extends CallShape<Type.TSchema, infer O> ? Type.Static<O> : never
export type EventPattern = keyof Events
export type EventData<P extends EventPattern> = Type.Static<Events[P]>
export type QueueName = keyof Queues
export type Job<Q extends QueueName> = Type.Static<Queues[Q]>
