import type { Cause } from '#contracts/tasker.ts'
import { causeOf, nodesOf, type WorkRow } from './tables.ts'

/** Words for people: what a work is, and how long a time is. */

export const shortCommit = (commit: string | null): string => (commit ? commit.slice(0, 6) : 'no commit')

type Described = Pick<WorkRow, 'kind' | 'commit' | 'task'>

/** `sync of 3f2a1c`, `destroy`, `run of deploy` */
export function describeWork(work: Described): string {
  if (work.kind === 'run') return `run of ${work.task}`
  return work.kind === 'destroy' ? 'destroy' : `sync of ${shortCommit(work.commit)}`
}

/** `sync of web to 3f2a1c` for lines that stand alone. */
export const describeWithNode = (work: WorkRow): string =>
  work.kind === 'run' ? describeWork(work) : `${describeWork(work)} on ${nodesOf(work).join(', ')}`

/** `push 3f2a1c by ann`, `ann by hand`, `event node.web.create.success`, `drift of file:/etc/motd …` */
export function describeCause({ kind, by, detail }: Cause): string {
  if (kind === 'hand') return `${by} by hand`
  if (kind === 'cron') return `cron ${detail}`
  if (kind === 'webhook') return `webhook ${detail} ${/[.:]/.test(by) ? 'from' : 'by'} ${by}`
  if (kind === 'drift') return `drift of ${detail}`
  return kind === 'event' ? `event ${detail}` : `${kind} ${detail} by ${by}`
}

export const causeSentence = (work: WorkRow): string => describeCause(causeOf(work))

/** `12 s`, `3 min` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}

/** `2026-01-31 14:00 UTC` */
export const clockTime = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
