/** Lets `limit` through at a time, in order of arrival. */
export interface Gate {
  run<T>(act: () => Promise<T>): Promise<T>
}

export function openGate(limit: number): Gate {
  let inside = 0
  const queue: (() => void)[] = []
  return {
    async run(act) {
      if (inside >= limit) await new Promise<void>((resolve) => queue.push(resolve))
      else inside++
      try {
        return await act()
      } finally {
        // The place is handed over, so that nobody overtakes the queue.
        const next = queue.shift()
        if (next) next()
        else inside--
      }
    },
  }
}
