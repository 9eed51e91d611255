import { Problem } from '#kit/problem.ts'

/** Deliveries that one webhook takes at once, and how many a second after that. */
const BURST = 300
const PER_SECOND = 100
/** Webhooks that are remembered; the one that was quiet for longest is forgotten first. */
const REMEMBERED = 10_000

interface Bucket {
  left: number
  at: number
}

/** Slows down a sender that has gone wild. Held in memory: a restart forgives. */
export function createHookLimit() {
  const buckets = new Map<string, Bucket>()
  return {
    /** Throws `too_many`. */
    charge(hook: string, now: number): void {
      const { left, at } = buckets.get(hook) ?? { left: BURST, at: now }
      const filled = Math.min(BURST, left + (Math.max(0, now - at) / 1000) * PER_SECOND)
      buckets.delete(hook)
      buckets.set(hook, { left: Math.max(0, filled - 1), at: now })
      if (buckets.size > REMEMBERED) buckets.delete(buckets.keys().next().value ?? '')
      if (filled < 1) throw new Problem('too_many', { what: 'deliveries to this webhook', seconds: 1 })
    },
  }
}

export type HookLimit = ReturnType<typeof createHookLimit>
