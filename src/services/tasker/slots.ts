import { createHash } from 'node:crypto'

/**
 * Each node has its own moment in an interval, by its name: nodes are not looked at all at once, and a restart moves
 * nothing. Milliseconds.
 */
export function latestSlot(repo: string, node: string, interval: number, now: number): number {
  const offset = createHash('sha256').update(`${repo}/${node}`).digest().readUInt32BE() % interval
  return Math.floor((now - offset) / interval) * interval + offset
}
