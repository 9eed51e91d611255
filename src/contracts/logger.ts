import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

export const levels = ['debug', 'info', 'warn', 'error'] as const
/** `platform`: said by devo.ps itself. `syslog`: sent by a node's own syslog. */
export const streams = ['stdout', 'stderr', 'platform', 'syslog'] as const

/** Whose lines: a repository's, or those of the platform itself, which no repository can be named like. */
export const platformLines = 'platform'
const Owner = Type.Union([RepoId, Type.Literal(platformLines)])

export const NewLine = strict({
  at: Time,
  repo: Owner,
  node: Type.Optional(Name),
  task: Type.Optional(Name),
  /** tasker's work: the id of a sync, a destroy or a run. */
  work: Type.Optional(Type.String()),
  step: Type.Optional(Type.Integer()),
  /** The service of the platform that speaks, or the program of a syslog line. */
  service: Type.Optional(Type.String({ maxLength: 64 })),
  stream: Type.Enum(streams),
  level: Type.Enum(levels),
  text: Type.String({ maxLength: 65_536 }),
})

export const Line = strict({ seq: Type.Integer({ minimum: 1 }), ...NewLine.properties })

/** Old lines that retention has removed from what was asked for. */
export const Removed = strict({
  lines: Type.Integer(),
  /** The newest sequence number among them. */
  until: Type.Integer(),
})

/** What narrows a query or a tail; all that are given must fit. */
export const LineFilter = {
  node: Type.Optional(Name),
  task: Type.Optional(Name),
  work: Type.Optional(Type.String()),
  step: Type.Optional(Type.Integer({ minimum: 0, description: 'position in the task, from 0' })),
  service: Type.Optional(Type.String()),
  stream: Type.Optional(Type.Enum(streams)),
  level: Type.Optional(Type.Enum(levels, { description: 'this level or a graver one' })),
  text: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: 'part of the text, capitals or not; from 3 characters on by index',
    }),
  ),
  since: Type.Optional(Time),
  until: Type.Optional(Time),
}

export const calls = {
  /**
   * Everything that belongs to a repository that was deleted at this time (milliseconds) leaves, or is hidden for good;
   * to do it twice changes nothing. Announced as well (`repo.deleted`); asked before a repository of the same name is made.
   */
  'logger.forget_repository': call(strict({ repo: RepoId, at: Time }), Nothing),
  /** Durable when answered. `last`: the highest sequence number given. */
  'logger.append': call(
    strict({ lines: Type.Array(NewLine, { maxItems: 10_000 }) }),
    strict({ last: Type.Integer() }),
  ),
  /**
   * Lines in order of `seq`: after `after`, oldest first; before `before`, or without both, the newest `limit`. With
   * `wait` (milliseconds), an empty answer is held back until a line comes: that is how a tail is made, without gaps or
   * doubles. `last` is the next `after`; `first` the next `before`, null when there is nothing older.
   */
  'logger.query': call(
    strict({
      repo: Owner,
      ...LineFilter,
      after: Type.Optional(Type.Integer()),
      before: Type.Optional(Type.Integer()),
      limit: Type.Integer({ minimum: 1, maximum: 10_000 }),
      wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 30_000 })),
    }),
    strict({
      lines: Type.Array(Line),
      last: Type.Integer(),
      first: nullable(Type.Integer()),
      removed: nullable(Removed),
    }),
  ),
}

export const events = {}
export const queues = {}

export type NewLine = Type.Static<typeof NewLine>
export type Line = Type.Static<typeof Line>
