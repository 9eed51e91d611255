import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '#kit/log.ts'
import type { Store } from '#store'
import { type FakeClock, fakeClock, settle } from '#testing/clock.ts'
import { failOnScans } from '#testing/scans.ts'
import { openStore } from '#testing/store.ts'
import { embeddedBus } from '../embedded.ts'
import type { Bus } from '../index.ts'

failOnScans()

/** A process that has the bus open. */
export interface Process extends AsyncDisposable {
  bus: Bus
  store: Store
  clock: FakeClock
  /** Ends it like a kill: nothing that it still wants to write is written. */
  kill(): Promise<void>
}

/** Where a bus keeps what is durable; processes come and go. */
export interface Place extends AsyncDisposable {
  /** `behind`: milliseconds that its clock is behind the place's, as when it was set back while nothing ran. */
  start(behind?: number): Promise<Process>
  /** A process beside one that runs, as when that one was thought dead. */
  startBeside(other: Process): Promise<Process>
  /** Waits for a thing, letting time pass. */
  eventually(check: () => boolean | Promise<boolean>): Promise<void>
  /** Lets time pass. */
  pass(ms: number): Promise<void>
}

export const implementations: [name: string, place: () => Promise<Place>][] = [['embedded', embeddedPlace]]

async function embeddedPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'bus-'))
  const clock = fakeClock()
  const running = new Set<Process>()
  async function open(store: Store, time = clock): Promise<Process> {
    const bus = await embeddedBus({ store, clock: time, log: silentLog, source: 'test' })
    const process: Process = {
      bus,
      store,
      clock: time,
      async kill() {
        await store[Symbol.asyncDispose]()
        await process[Symbol.asyncDispose]()
      },
      async [Symbol.asyncDispose]() {
        running.delete(process)
        await bus[Symbol.asyncDispose]()
        await store[Symbol.asyncDispose]()
      },
    }
    running.add(process)
    return process
  }
  return {
    start: (behind = 0) =>
      open(openStore(join(folder, 'bus.db')), behind === 0 ? clock : fakeClock(clock.now() - behind)),
    // On the same connection, since two would wait for each other within one thread; with a clock of its own.
    startBeside: (other) => open(other.store, fakeClock(clock.now())),
    async eventually(check) {
      for (let round = 0; round < 2_000; round++) {
        if (await check()) return
        await clock.advance(1_000)
      }
      throw new Error(`not true after a long time: ${check}`)
    },
    pass: (ms) => clock.advance(ms),
    async [Symbol.asyncDispose]() {
      for (const process of running) await process[Symbol.asyncDispose]()
      await settle()
      rmSync(folder, { recursive: true })
    },
  }
}
