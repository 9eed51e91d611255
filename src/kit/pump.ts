export interface Pump {
  /** Starts a run; what is asked for while one goes on, or ends, is done by another after it. */
  poke(): void
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

/**
 * Runs `act` as often as it is asked for, never twice at a time. No request falls between the end of a run and its being
 * seen as ended: that would wait until somebody else asks. `act` does not throw.
 */
export function createPump(act: () => Promise<void>): Pump {
  let wanted = false
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    while (wanted) {
      wanted = false
      await act()
    }
    // In the same turn as the look at `wanted`, not in a `finally` of the promise, which comes some turns later.
    running = undefined
  }

  return {
    poke() {
      wanted = true
      running ??= run()
    },
    async idle() {
      while (running) await running
    },
  }
}
