import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { type Cost, verifyPassword } from './passwords.ts'
import { createSignInLimit } from './sign-in-limit.ts'
import type { Tables } from './tables.ts'
import { findUser } from './users.ts'

export interface Attempt {
  user: string
  password: string
  /** The asker's address. */
  from?: string
}

/** The hash that the password was found to fit. Throws `unauthenticated`: wrong, or too often wrong. */
export type PasswordCheck = (attempt: Attempt) => Promise<string>

const wrong = () => new Problem('unauthenticated', { reason: 'the user name or the password is wrong' })

export function createPasswordCheck({ clock, store: any }: Parts, cost?: Cost): PasswordCheck {
  const store = any.as<Tables>()
  const limit = createSignInLimit(store, clock)

  return async ({ user, password, from }) => {
    const own = `user:${user.toLowerCase()}`
    const others = from === undefined ? [] : [`from:${from}`]
    await limit.charge([own, ...others])
    const row = await findUser(store.db, user)
    if (!(await verifyPassword(password, row?.password ?? null, cost))) throw wrong()
    await limit.refund(own, others)
    // It may have been changed while the hash was made.
    const now = (await findUser(store.db, user))?.password
    if (!now || now !== row?.password) throw wrong()
    return now
  }
}
