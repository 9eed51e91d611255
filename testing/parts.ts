import type { Bus, BusEvent } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { EventPattern } from '#contracts'
import { silentLog } from '#kit/log.ts'
import type { Store } from '#store'
import { type FakeClock, fakeClock } from './clock.ts'
import { failOnScans } from './scans.ts'
import { openStore } from './store.ts'

failOnScans()

/** What a service is given, real but for the clock. */
export interface TestParts extends AsyncDisposable {
  store: Store
  bus: Bus
  clock: FakeClock
  log: typeof silentLog
}

export async function testParts(given: { path?: string; clock?: FakeClock } = {}): Promise<TestParts> {
  await using stack = new AsyncDisposableStack()
  const clock = given.clock ?? fakeClock()
  const log = silentLog
  const store = stack.use(openStore(given.path ?? ':memory:'))
  const bus = stack.use(await embeddedBus({ store, clock, log, source: 'test' }))
  const undo = stack.move()
  return { store, bus, clock, log, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

/** The events of some patterns, in the order in which they were delivered. */
export function collectEvents<P extends EventPattern>(bus: Bus, patterns: readonly P[]): BusEvent<P>[] {
  const events: BusEvent<P>[] = []
  bus.on('test', patterns, async (event) => {
    events.push(event)
  })
  return events
}
