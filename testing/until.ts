import { settle } from './clock.ts'

/** Milliseconds. A trial of `npm run mutate` is expected to fail, and need not wait as long as a loaded machine may take. */
const PATIENCE = Number(process.env.TEST_PATIENCE ?? 60_000)

/** Waits for a thing to become true (or for a check to stop throwing), at most `limit` real milliseconds. */
export async function until<T>(check: () => T | Promise<T>, limit = PATIENCE): Promise<NonNullable<T>> {
  const end = performance.now() + limit
  let last: unknown
  while (performance.now() < end) {
    try {
      const value = await check()
      if (value) return value
    } catch (error) {
      last = error
    }
    await settle()
    // What is waited for may need this core.
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`still not true after ${limit} ms: ${check}`, { cause: last })
}
