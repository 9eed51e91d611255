import type { Transaction } from 'kysely'
import type { Bus, Delivery } from '#bus'
import type { NewLine } from '#contracts/logger.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { Store, Tx } from '#store'
import { boundTimes, moveTimes, type WallClock } from './set-clock.ts'
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
  /** Before times are read outside a turn: a clock that was set must make no pause longer or shorter. */
  settleClock(): Promise<void>
}

export interface TurnParts {
  bus: Bus
  store: Store<Tables>
  clock: Clock
  log: Log
  wall: WallClock
  /** Called after each turn: a work may be free to start. */
  afterTurn: () => void
}

/** What a turn has told the clock, to be taken back when it came to nothing. */
interface Undo {
  by: number
  bounded: boolean
}

/** Lines are wanted, but no work waits long for the logger. */
const APPEND_DEADLINE = 5_000
const LINES_AT_ONCE = 1_000
/** The contract's limit. */
const LONGEST_TEXT = 65_536

export function createTurns(parts: TurnParts): Turns {
  const { bus, store, clock, log, wall } = parts

  /** In each turn, before it: `undo` when the turn came to nothing. */
  async function followWall(db: Transaction<Tables>, undo: Undo): Promise<void> {
    if (!wall.bounded) {
      undo.bounded = true
      wall.bounded = true
      await boundTimes(db, clock.now())
    }
    const by = wall.moved()
    if (by === 0) return
    undo.by = by
    wall.follow(by)
    await moveTimes(db, by)
  }

  async function guarded<T>(change: (undo: Undo) => Promise<T>): Promise<T> {
    const undo: Undo = { by: 0, bounded: false }
    try {
      return await change(undo)
    } catch (error) {
      wall.follow(-undo.by)
      if (undo.bounded) wall.bounded = false
      throw error
    }
  }

  async function act<T>(tx: Tx, notes: NewLine[], undo: Undo, act: (turn: Turn) => Promise<T>): Promise<T> {
    const now = clock.now()
    tx.onceSeen(parts.afterTurn)
    await followWall(tx.db, undo)
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
      const result = await guarded((undo) => store.transaction((tx) => act(tx, notes, undo, change)))
      await finish(notes)
      return result
    },
    async once(delivery, change) {
      const notes: NewLine[] = []
      const ran = await guarded((undo) => delivery.once((tx) => act(tx, notes, undo, change)))
      if (ran) await finish(notes)
      return ran
    },
    async settleClock() {
      if (wall.moved() !== 0 || !wall.bounded) await turns.take(async () => {})
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
