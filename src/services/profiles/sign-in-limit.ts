import type { Clock } from '#kit/clock.ts'
import { Problem } from '#kit/problem.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'

/** So many wrong passwords are free; then each doubles the delay, from one second to a quarter of an hour. */
const FREE = 5
const LONGEST = 15 * 60_000
/** After a day without a try all is forgotten. */
const FORGET = 24 * 60 * 60_000

const delayAfter = (failures: number): number =>
  failures < FREE ? 0 : Math.min(1000 * 2 ** (failures - FREE), LONGEST)

/**
 * Slows down the guessing of passwords, over restarts and whether or not the user exists. Each key (a user, the
 * asker's address) counts for itself, so one password tried on many users is slowed by its address.
 */
export function createSignInLimit(store: Store<Tables>, clock: Clock) {
  return {
    /**
     * Counts a try as failed before the password is looked at, so that a hundred tries at once are a hundred.
     * Throws `unauthenticated` while a key is blocked; such a try does not lengthen the delay.
     */
    charge: (keys: readonly string[]): Promise<void> =>
      store.transaction(async (tx) => {
        const now = clock.steady()
        await tx.db
          .deleteFrom('profiles_sign_ins')
          .where('last_at', '<', now - FORGET)
          .execute()
        const rows = await findRows(tx, keys)
        const until = Math.max(
          0,
          ...rows.map((row) => Math.min(row.blocked_until, now + delayAfter(row.failures))),
        )
        if (until > now) throw tooMany(until - now)
        for (const key of keys) {
          const failures = (rows.find((row) => row.key === key)?.failures ?? 0) + 1
          await saveRow(tx, { key, failures, last_at: now, blocked_until: now + delayAfter(failures) })
        }
      }),

    /** Takes a charge back: the user's count starts anew, an address gets only this one try back. */
    refund: (user: string, others: readonly string[]): Promise<void> =>
      store.transaction(async (tx) => {
        await tx.db.deleteFrom('profiles_sign_ins').where('key', '=', user).execute()
        for (const row of await findRows(tx, others))
          await saveRow(tx, { ...row, failures: Math.max(0, row.failures - 1), blocked_until: 0 })
      }),
  }
}

const findRows = async (tx: Tx<Tables>, keys: readonly string[]) =>
  keys.length === 0
    ? []
    : tx.db
        .selectFrom('profiles_sign_ins')
        .selectAll()
        .where('key', 'in', [...keys])
        .execute()

async function saveRow(tx: Tx<Tables>, row: Tables['profiles_sign_ins']): Promise<void> {
  const { key: _, ...figures } = row
  await tx.db
    .insertInto('profiles_sign_ins')
    .values(row)
    .onConflict((conflict) => conflict.column('key').doUpdateSet(figures))
    .execute()
}

function tooMany(ms: number): Problem {
  const seconds = Math.ceil(ms / 1000)
  return new Problem('unauthenticated', {
    wait: seconds,
    reason: `too many wrong passwords; try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`,
  })
}
