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
    stream: NewLine['stream']
    level: NewLine['level']
    text: string
  }
  /** One row: the last sequence number given. It outlives the lines. */
  logger_sequence: {
    id: number
    last: number
  }
}
