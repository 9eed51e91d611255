import type { Bus } from '#bus'
import type { Line } from '#contracts/logger.ts'
import { repo } from './lines.ts'

/**
 * Reads what comes after `after`, until the signal; throws at a gap or a double. `seen` is given each answer's lines.
 * The only repository here is ours, so that numbers have no holes.
 */
export async function tail(
  bus: Bus,
  start: number,
  signal: AbortSignal,
  seen: (lines: readonly Line[]) => void,
): Promise<void> {
  for (let after = start; !signal.aborted; ) {
    const { lines, last } = await bus.ask('logger.query', { repo, after, limit: 1000, wait: 500 })
    for (const [i, { seq }] of lines.entries())
      if (seq !== after + 1 + i) throw new Error(`after ${after + i} came ${seq}`)
    seen(lines)
    after = last
  }
}

export const newestOf = async (bus: Bus): Promise<number> =>
  (await bus.ask('logger.query', { repo, limit: 1 })).last
