import Type from 'typebox'
import { call, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

export const levels = ['debug', 'info', 'warn', 'error'] as const

export const NewLine = strict({
  at: Time,
  repo: RepoId,
  node: Type.Optional(Name),
  task: Type.Optional(Name),
  /** tasker's work: the id of a sync, a destroy or a run. */
  work: Type.Optional(Type.String()),
  step: Type.Optional(Type.Integer()),
  stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr'), Type.Literal('platform')]),
  level: Type.Enum(levels),
  text: Type.String({ maxLength: 65_536 }),
})

export const Line = strict({ seq: Type.Integer({ minimum: 1 }), ...NewLine.properties })

export const calls = {
  /** Durable when answered. `last`: the highest sequence number given. */
  'logger.append': call(
    strict({ lines: Type.Array(NewLine, { maxItems: 10_000 }) }),
    strict({ last: Type.Integer() }),
  ),
  /**
   * Lines in order of `seq`. After `after`, oldest first; without it, the newest `limit`. With `wait` (milliseconds),
   * an empty answer is held back until a line comes: that is how a tail is made, without gaps or doubles.
   */
  'logger.query': call(
    strict({
      repo: RepoId,
      node: Type.Optional(Name),
      task: Type.Optional(Name),
      work: Type.Optional(Type.String()),
      text: Type.Optional(Type.String()),
      after: Type.Optional(Type.Integer()),
      limit: Type.Integer({ minimum: 1, maximum: 10_000 }),
      wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 30_000 })),
    }),
    strict({ lines: Type.Array(Line), last: Type.Integer() }),
  ),
}

export const events = {}
export const queues = {}

export type NewLine = Type.Static<typeof NewLine>
export type Line = Type.Static<typeof Line>
