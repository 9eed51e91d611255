import { createHash } from 'node:crypto'
import type { AuditEntry } from '#contracts/audit.ts'
import type { Tables } from './tables.ts'

export type AuditRow = Tables['profiles_audit']

/** What the first entry stands upon. */
export const ROOT = '0'.repeat(64)

/** Over the hash before and all columns, in this order for ever. */
export function hashOf(prev: string, row: Omit<AuditRow, 'hash'>): string {
  const { seq, at, actor, via, credential, from, action, repo, cause, details, outcome, of } = row
  const text = JSON.stringify([
    seq,
    at,
    actor,
    via,
    credential,
    from,
    action,
    repo,
    cause,
    details,
    outcome,
    of,
  ])
  return createHash('sha256').update(`${prev}\n${text}`).digest('hex')
}

export interface Fault {
  seq: number
  reason: string
}

/** Goes over rows in order of `seq`, page by page. Pure but for its position. */
export function createChainCheck() {
  let last = { seq: 0, hash: ROOT }
  return {
    get last() {
      return last
    },
    check(row: AuditRow): Fault[] {
      const { hash, ...rest } = row
      const faults: Fault[] = []
      if (row.seq !== last.seq + 1) faults.push({ seq: row.seq, reason: `${gap(last.seq, row.seq)} missing` })
      else if (hashOf(last.hash, rest) !== hash)
        faults.push({ seq: row.seq, reason: 'it was changed, or one before it was' })
      // From the hash that it claims: a change is told once and not of every entry after it.
      last = { seq: row.seq, hash }
      return faults
    },
  }
}

const gap = (from: number, to: number) =>
  to - from === 2 ? `entry ${from + 1} is` : `entries ${from + 1} to ${to - 1} are`

export const toEntry = ({ details, outcome, ...row }: AuditRow): AuditEntry => ({
  ...row,
  details: JSON.parse(details) as Record<string, unknown>,
  outcome: outcome as AuditEntry['outcome'],
})

export const headOf = ({ seq, hash }: { seq: number; hash: string }): string => `${seq}:${hash}`
