import type { Generated } from 'kysely'
import type { NewLine } from '#contracts/logger.ts'

/** Tables of the logger. Times in milliseconds since the epoch. */
export interface Tables {
  logger_lines: {
    repo: string
    /** Grows over all repositories and is never given twice. */
    seq: number
    at: number
    node: string | null
    task: string | null
    work: string | null
    step: number | null
    service: string | null
    stream: NewLine['stream']
    level: NewLine['level']
    text: string
  }
  /** One row: the last sequence number given. It outlives the lines. */
  logger_sequence: {
    id: number
    last: number
  }
  /** One row: lines up to here are in the full-text index; younger ones are searched as they are. */
  logger_indexed: {
    id: number
    last: number
  }
  /** What a repository holds, and what retention has taken from it. */
  logger_usage: {
    id: Generated<number>
    repo: string
    lines: number
    /** Bytes of text. */
    size: number
    removed_lines: number
    /** The newest sequence number that was removed; 0 while none was. */
    removed_until: number
  }
  /** Repositories that were deleted, when, and up to which line all are theirs: those are shown to nobody. */
  logger_forgotten: {
    repo: string
    at: number
    until: number
  }
  /** How far each forwarder has got. */
  logger_forwards: {
    name: string
    last: number
  }
}
