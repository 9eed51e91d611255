import type { Transaction } from 'kysely'
import type { Bus, Delivery } from '#bus'
import type { NewLine } from '#contracts/logger.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'

export type Note = Omit<NewLine, 'at' | 'stream'>

/** One transaction in which the tasker changes its state. */
export interface Turn {
  db: Transaction<Tables>
  tx: Tx
  bus: Bus
  now: number
  /** A line for the people, written once the transaction has committed. */
  note(line: Note): void
}

export interface Turns {
  take<T>(act: (turn: Turn) => Promise<T>): Promise<T>
  /** As the effect of an event or a job: exactly once. Returns whether it ran. */
  once(delivery: Delivery, act: (turn: Turn) => Promise<void>): Promise<boolean>
  /** `once`, as whoever takes a turn with the tips of repositories needs it. */
  onceOf(delivery: Delivery): (act: (turn: Turn) => Promise<void>) => Promise<void>
}

export interface TurnParts {
  bus: Bus
  store: Store<Tables>
  clock: Clock
  log: Log
  /** Called after each turn: a work may be free to start. */
  afterTurn: () => void
}

/** Lines are wanted, but no work waits long for the logger. */
const APPEND_DEADLINE = 5_000
const LINES_AT_ONCE = 1_000
/** The contract's limit. */
const LONGEST_TEXT = 65_536

export function createTurns(parts: TurnParts): Turns {
  const { bus, store, clock, log } = parts

  async function act<T>(tx: Tx, notes: NewLine[], act: (turn: Turn) => Promise<T>): Promise<T> {
    const now = clock.now()
    tx.onceSeen(parts.afterTurn)
    await nextSeq(tx.db, now)
    return act({
      db: tx.db,
      tx,
      bus,
      now,
      note: (line) =>
        notes.push({ at: now, stream: 'platform', ...line, text: line.text.slice(0, LONGEST_TEXT) }),
    })
  }

  async function finish(notes: NewLine[]): Promise<void> {
    for (let at = 0; at < notes.length; at += LINES_AT_ONCE) await append(notes.slice(at, at + LINES_AT_ONCE))
  }

  async function append(lines: NewLine[]): Promise<void> {
    try {
      await bus.ask('logger.append', { lines }, { deadline: APPEND_DEADLINE })
    } catch (error) {
      log.error({ err: error, lines }, 'lines could not be written to the logger')
    }
  }

  const turns: Turns = {
    async take(change) {
      const notes: NewLine[] = []
      const result = await store.transaction((tx) => act(tx, notes, change))
      await finish(notes)
      return result
    },
    async once(delivery, change) {
      const notes: NewLine[] = []
      const ran = await delivery.once((tx) => act(tx, notes, change))
      if (ran) await finish(notes)
      return ran
    },
    onceOf: (delivery) => async (change) => void (await turns.once(delivery, change)),
  }
  return turns
}

/** Grows strictly. Takes the one row's lock, so that two replicas cannot decide at the same time. */
export async function nextSeq(db: Transaction<Tables>, now: number): Promise<number> {
  const { seq } = await db
    .updateTable('tasker_turn')
    .set((eb) => ({
      seq: eb
        .case()
        .when('seq', '>=', now)
        .then(eb('seq', '+', 1))
        .else(now)
        .end(),
    }))
    .returning('seq')
    .executeTakeFirstOrThrow()
  return Number(seq)
}
