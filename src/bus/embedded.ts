import { AsyncLocalStorage } from 'node:async_hooks'
import { sleep } from '../kit/clock.ts'
import { isNoRoom } from '../kit/problem.ts'
import { Calls } from './embedded/calls.ts'
import { Events } from './embedded/events.ts'
import { Handled } from './embedded/handled.ts'
import { Jobs } from './embedded/jobs.ts'
import { takeOver } from './embedded/leases.ts'
import { discardParked, listParked, reviveParked } from './embedded/parked.ts'
import type { EmbeddedParts } from './embedded/parts.ts'
import { type BusTables, migrations } from './embedded/schema.ts'
import type { Bus } from './index.ts'

/** Milliseconds between two tries on a full disk. */
const ROOM_AGAIN = 1000

/**
 * What leases of a dead process hold has to be written down before anybody works. On a full disk the start waits for
 * room: whoever ended it would only have it started again.
 */
async function whenThereIsRoom({ clock, log }: EmbeddedParts, act: () => Promise<void>): Promise<void> {
  for (let told = false; ; told = true) {
    try {
      return await act()
    } catch (error) {
      if (!isNoRoom(error)) throw error
      if (!told) log.error({ err: error }, 'the disk is full: the start waits until there is room')
      await sleep(clock, ROOM_AGAIN)
    }
  }
}

/**
 * The bus of one process: calls are function calls, events and jobs are rows of the store. The process owns the
 * store's file: what a former process had in hand is free again when this returns.
 */
export async function embeddedBus(given: EmbeddedParts): Promise<Bus & AsyncDisposable> {
  const parts = { ...given, store: given.store.as<BusTables>() }
  await parts.store.migrate(migrations)
  // Handlers run in the context in which the bus was made, not in that of whoever happened to publish.
  const outside = AsyncLocalStorage.snapshot() as <T>(act: () => T) => T
  const handled = new Handled(parts.clock)
  const calls = new Calls(parts)
  const events = new Events(parts, handled, outside)
  const jobs = new Jobs(parts, handled, outside)
  await whenThereIsRoom(parts, () => takeOver(parts))
  await events.load()
  return {
    ask: (name, input, options) => calls.ask(name, input, options),
    answer: (name, handler) => calls.answer(name, handler),
    publish: (pattern, event, tx) => events.publish(pattern, event, tx),
    on: (consumer, patterns, handler) => events.on(consumer, patterns, handler),
    send: (queue, job, tx) => jobs.send(queue, job, tx),
    work: (queue, handler, options) => jobs.work(queue, handler, options),
    parked: () => listParked(parts),
    async revive(id) {
      const revived = await reviveParked(parts, id)
      if (revived.kind === 'job') jobs.wake(revived.queue)
      else events.revive(revived.consumer, revived.row)
    },
    troubles: () => [...events.troubles(), ...jobs.troubles()],
    discard: (id) => discardParked(parts, id),
    async [Symbol.asyncDispose]() {
      await Promise.all([events.stop(), jobs.stop()])
      await calls.stop()
    },
  }
}
