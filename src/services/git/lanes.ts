/** One after the other, per key. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>()

  /**
   * Waits for its turn; the caller ends it by calling what it gets. Throws the reason of `signal` when that aborts
   * before: the place is then given up.
   */
  async enter(key: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const before = this.#tails.get(key)
    const { promise: mine, resolve } = Promise.withResolvers<void>()
    this.#tails.set(key, mine)
    const leave = () => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key)
      resolve()
    }
    try {
      await unlessAborted(before, signal)
    } catch (error) {
      // Those behind it wait for the one before it.
      void before?.then(leave)
      throw error
    }
    return leave
  }

  async within<T>(key: string, act: () => Promise<T>): Promise<T> {
    const leave = await this.enter(key)
    try {
      return await act()
    } finally {
      leave()
    }
  }
}

async function unlessAborted(
  turn: Promise<void> | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!signal) return turn
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([turn, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
