/** One after the other, per key. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>()

  /** Waits for its turn; the caller ends it by calling what it gets. */
  async enter(key: string): Promise<() => void> {
    const before = this.#tails.get(key)
    const { promise: mine, resolve: leave } = Promise.withResolvers<void>()
    this.#tails.set(key, mine)
    await before
    return () => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key)
      leave()
    }
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
