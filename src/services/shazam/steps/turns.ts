/** Runs what has the same key one after the other, in the order of the calls; other keys do not wait. */
export function createTurns(): <T>(key: string, act: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, act) => {
    const before = last.get(key)
    const mine = (async () => {
      // How it ended is the business of whoever called it.
      await before?.catch(() => {})
      return act()
    })()
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
