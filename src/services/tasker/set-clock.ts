import type { Kysely } from 'kysely'
import type { Clock } from '#kit/clock.ts'
import type { Tables } from './tables.ts'

/** Milliseconds below which a clock is only kept right. */
const LEAST = 1_000

export const LONGEST_PAUSE = 600_000

/** How far the clock on the wall was set since the times of what is under way were written. */
export interface WallClock {
  /** 0: it was not set. */
  moved(): number
  /** The times are right again. */
  follow(by: number): void
  /** Whether the times were bounded since the start: by the first turn that can write. */
  bounded: boolean
}

export function watchWall(clock: Clock): WallClock {
  let ahead = clock.now() - clock.steady()
  return {
    bounded: false,
    moved() {
      const by = clock.now() - clock.steady() - ahead
      return Math.abs(by) < LEAST ? 0 : by
    },
    follow(by) {
      ahead += by
    },
  }
}

/** Pauses and time limits keep their length: their times move with the clock. A time that a person has set stays. */
export async function moveTimes(db: Kysely<Tables>, by: number): Promise<void> {
  const running = () => db.selectFrom('tasker_works').select('id').where('state', '=', 'running')
  const pausing = () =>
    db.selectFrom('tasker_queue').select('work').where('due', '=', 0).where('kind', '!=', 'run')
  await db
    .updateTable('tasker_run_steps')
    .set((row) => ({ started_at: row('started_at', '+', by) }))
    .where('run', 'in', running())
    .where('state', '=', 'running')
    .execute()
  await db
    .updateTable('tasker_run_steps')
    .set((row) => ({ retry_at: row('retry_at', '+', by) }))
    .where('run', 'in', running())
    .where('retry_at', 'is not', null)
    .execute()
  await db
    .updateTable('tasker_works')
    .set((row) => ({ started_at: row('started_at', '+', by) }))
    .where('state', '=', 'running')
    .execute()
  await db
    .updateTable('tasker_works')
    .set((row) => ({ run_at: row('run_at', '+', by) }))
    .where('id', 'in', pausing())
    .execute()
  await db
    .updateTable('tasker_queue')
    .set((row) => ({ run_at: row('run_at', '+', by) }))
    .where('due', '=', 0)
    .where('kind', '!=', 'run')
    .execute()
}

/**
 * After a start: nothing began later than now, and no pause is longer than the longest. The clock may have been set back
 * while the platform was away.
 */
export async function boundTimes(db: Kysely<Tables>, now: number): Promise<void> {
  const running = () => db.selectFrom('tasker_works').select('id').where('state', '=', 'running')
  await db
    .updateTable('tasker_run_steps')
    .set({ started_at: now })
    .where('run', 'in', running())
    .where('state', '=', 'running')
    .where('started_at', '>', now)
    .execute()
  await db
    .updateTable('tasker_works')
    .set({ started_at: now })
    .where('state', '=', 'running')
    .where('started_at', '>', now)
    .execute()
  const late = now + LONGEST_PAUSE
  const pausing = () =>
    db
      .selectFrom('tasker_queue')
      .select('work')
      .where('due', '=', 0)
      .where('run_at', '>', late)
      .where('kind', '!=', 'run')
  await db.updateTable('tasker_works').set({ run_at: late }).where('id', 'in', pausing()).execute()
  await db
    .updateTable('tasker_queue')
    .set({ run_at: late })
    .where('due', '=', 0)
    .where('run_at', '>', late)
    .where('kind', '!=', 'run')
    .execute()
}
