import { type Clock, sleep } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { Connection } from '../transport/connection.ts'
import { asRoot } from './look.ts'
import { recordedText, type StepId } from './shell.ts'

/** Milliseconds after which what is told is removed, together with what was told meanwhile. */
const PAUSE = 1_000
/** What fits into a command. */
const MANY = 100
/** Milliseconds that a stop of the platform waits for nodes. */
const PATIENCE = 2_000

/** Removes from nodes what was kept of steps whose outcome is told. */
export interface Burials extends AsyncDisposable {
  add(connection: Connection, step: StepId): void
}

interface Site {
  connection: Connection
  steps: StepId[]
  cancel(): void
}

/** Only housekeeping: one session a node for many steps, and what cannot be removed is removed by a later one. */
export function openBurials({ clock, log }: { clock: Clock; log: Log }): Burials {
  const sites = new Map<string, Site>()
  const running = new Set<Promise<void>>()

  function bury(key: string, { connection, steps, cancel }: Site): void {
    sites.delete(key)
    cancel()
    const done: Promise<void> = asRoot(connection, recordedText(steps), {})
      .then(() => {})
      .catch((error: unknown) =>
        log.warn(
          { err: error, node: connection.target.node, steps: steps.length },
          'what steps left on their node stays for now',
        ),
      )
      .finally(() => running.delete(done))
    running.add(done)
  }

  return {
    add(connection, step) {
      const key = JSON.stringify(connection.target)
      const known = sites.get(key)
      const site = known ?? { connection, steps: [], cancel: clock.after(PAUSE, () => bury(key, site)) }
      if (!known) sites.set(key, site)
      site.steps.push(step)
      if (site.steps.length >= MANY) bury(key, site)
    },
    async [Symbol.asyncDispose]() {
      for (const [key, site] of sites) bury(key, site)
      const over = new AbortController()
      await Promise.race([Promise.all(running), sleep(clock, PATIENCE, over.signal).catch(() => {})])
      over.abort()
    },
  }
}
