import Type from 'typebox'
import { call, nullable, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

export const Health = strict({
  repo: RepoId,
  node: Name,
  state: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('unknown')]),
  /** Since when it is in this state. */
  since: nullable(Time),
  checked_at: nullable(Time),
  /** Milliseconds until the SSH banner came. */
  latency: nullable(Type.Number()),
  reason: nullable(Type.String()),
})

export const calls = {
  /** Of one repository's nodes, or of all. */
  'monitor.status': call(strict({ repo: Type.Optional(RepoId) }), Type.Array(Health)),
}

const Moved = strict({ repo: RepoId, node: Name, reason: nullable(Type.String()) })

export const events = {
  'node.*.up': Moved,
  'node.*.down': Moved,
}

export const queues = {}

export type Health = Type.Static<typeof Health>
