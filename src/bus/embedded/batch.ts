const LARGEST = 500

export interface Batch<T> {
  /** Resolves when the item is durable. */
  add(item: T): Promise<void>
  /** Writes what waits without lingering. Resolves when nothing waits. */
  idle(): Promise<void>
}

interface Waiting<T> {
  item: T
  resolve(): void
  reject(error: unknown): void
}

/**
 * Many concurrent writers, few commits: what comes while one write runs goes together into the next. `linger`:
 * milliseconds that the first may wait for others, where nobody waits for it.
 */
export function batched<T>(write: (items: T[]) => Promise<void>, linger = 0): Batch<T> {
  let waiting: Waiting<T>[] = []
  let loop: Promise<void> | undefined
  let hurry = () => {}
  const lingering = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, linger)
      hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  async function drain(): Promise<void> {
    // A turn for the callers of this very tick to join.
    await undefined
    while (waiting.length > 0) {
      if (linger > 0 && waiting.length < LARGEST) await lingering()
      const batch = waiting.slice(0, LARGEST)
      waiting = waiting.slice(LARGEST)
      try {
        await write(batch.map((one) => one.item))
        for (const one of batch) one.resolve()
      } catch (error) {
        for (const one of batch) one.reject(error)
      }
    }
    loop = undefined
  }
  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject })
        loop ??= drain()
      }),
    idle: async () => {
      while (loop) {
        hurry()
        await Promise.race([loop, new Promise((done) => setImmediate(done))])
      }
    },
  }
}
