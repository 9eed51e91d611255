const FIRST = 1_000
/** Milliseconds. */
export const LONGEST_RETRY = 300_000

/** Milliseconds until the next try after so many failures: doubles from a second to five minutes, less up to a half by chance. */
export function retryDelay(failures: number, chance: () => number = Math.random): number {
  const full = Math.min(FIRST * 2 ** (failures - 1), LONGEST_RETRY)
  return Math.round(full * (1 - chance() / 2))
}

/** Milliseconds until the next try of what found the disk full. That is no failure of its own: it is never parked for it. */
export const FULL_PAUSE = 5_000

/** Failures before a delivery, or a job whose worker does not say, is parked. */
export const ATTEMPTS = 10
