import fc from 'fast-check'

const minutes = Number(process.env.FUZZ_MINUTES ?? 0)
const runs = Number(process.env.FUZZ_RUNS ?? 200)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

/** Milliseconds. */
const LONGEST = 1000
/** MB. */
const LARGEST = 512

/**
 * Holds a property against many examples: `FUZZ_RUNS` of them, or for `FUZZ_MINUTES` (of which each property has its
 * share). What is slow or large is not judged in a short run, whose machine may be busy; a long one judges it by the
 * time of this thread.
 */
export function hunt<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => void,
  { share, weight = 1 }: { share: number; weight?: number },
): void {
  const end = performance.now() + minutes * share * 60_000
  let count = 0
  let slowest = { ms: 0, value: undefined as T | undefined }
  const property = fc.property(arbitrary, (value) => {
    const before = process.threadCpuUsage()
    check(value)
    const { user, system } = process.threadCpuUsage(before)
    const ms = (user + system) / 1000
    count++
    if (ms > slowest.ms) slowest = { ms, value }
    if (minutes > 0 && ms > LONGEST) throw new Error(`took ${ms.toFixed(0)} ms`)
  })
  for (let batch = 0; batch === 0 || performance.now() < end; batch++)
    fc.assert(property, { numRuns: minutes > 0 ? 500 : runs * weight, seed: seed + batch })
  const peak = process.resourceUsage().maxRSS / 1024
  console.log(
    `${name}: ${count} runs from seed ${seed}, slowest ${slowest.ms.toFixed(0)} ms, peak memory ${peak.toFixed(0)} MB`,
  )
  if (minutes > 0 && slowest.ms > LONGEST / 4)
    console.log(`  the slowest: ${JSON.stringify(slowest.value)?.slice(0, 2000)}`)
  if (minutes > 0 && peak > LARGEST) throw new Error(`${name}: ${peak.toFixed(0)} MB of memory`)
}
