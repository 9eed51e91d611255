import type { Due } from './deliveries.ts'

/** The deliveries of one subject: one after the other. */
export interface Lane {
  subject: string
  rows: Due[]
  /** Highest number taken into `rows` so far. */
  last: number
  /** Highest number that was left in the table because `rows` was full. */
  left: number
  state: 'idle' | 'queued' | 'running' | 'waiting'
  /** Ends the wait for the next try. */
  wake: () => void
}

/** Rows that one lane holds in memory; the rest of a long queue stays in the table. */
export const LANE_ROWS = 50

export const newLane = (subject: string): Lane => ({
  subject,
  rows: [],
  last: 0,
  left: 0,
  state: 'idle',
  wake: () => {},
})

/** Takes a row that comes in order; refuses one that it had, and one that must wait its turn in the table. */
export function offer(lane: Lane, row: Due): void {
  if (row.seq <= lane.last) return
  if (lane.left > 0 || lane.rows.length >= LANE_ROWS) lane.left = Math.max(lane.left, row.seq)
  else {
    lane.rows.push(row)
    lane.last = row.seq
  }
}

/** The next page of a lane whose rows were left in the table; `left` is what it was when the page was asked for. */
export function refill(lane: Lane, page: Due[], left: number): void {
  for (const row of page) if (row.seq > lane.last) lane.rows.push(row)
  lane.last = Math.max(lane.last, page.at(-1)?.seq ?? 0)
  if (page.length < LANE_ROWS && lane.left === left) lane.left = 0
}

/** Puts a revived row before those that came after it. */
export function insert(lane: Lane, row: Due): void {
  if (lane.rows.some((other) => other.seq === row.seq)) return
  lane.rows.push(row)
  lane.rows.sort((a, b) => a.seq - b.seq)
  lane.last = Math.max(lane.last, row.seq)
}

/** A lane that waits keeps only its head, so that many waiting lanes cost little. */
export function shrink(lane: Lane): void {
  const [head, ...others] = lane.rows
  if (!head || others.length === 0) return
  lane.left = Math.max(lane.left, lane.last)
  lane.last = head.seq
  lane.rows = [head]
}
