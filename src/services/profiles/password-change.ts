import type { Input } from '#contracts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { requireAsker } from './asker.ts'
import type { PasswordCheck } from './password-check.ts'
import { type Cost, hashPassword } from './passwords.ts'
import type { Tables } from './tables.ts'
import { requireUser } from './users.ts'

/** Whoever was signed in with the old password is so no longer. */
export function createPasswordChange({ bus, clock, store: any }: Parts, check: PasswordCheck, cost?: Cost) {
  const store = any.as<Tables>()

  return async ({ asker, user, password, proof, keep = '' }: Input<'profiles.set_password'>) => {
    const { password: former } = await requireUser(store.db, user)
    if (proof && former !== null) {
      if (proof.current === undefined)
        throw new Problem('invalid', { reason: 'the present password is needed to change it' })
      await check({ user, password: proof.current, ...(proof.from !== undefined && { from: proof.from }) })
    }
    const hash = await hashPassword(password, cost)
    await store.transaction(async (tx) => {
      const now = await requireUser(tx.db, user)
      await requireAsker(tx.db, asker, user, clock.now())
      if (proof && now.password !== former)
        throw new Problem('unauthenticated', { reason: 'the password was changed meanwhile' })
      await tx.db.updateTable('profiles_users').set({ password: hash }).where('name', '=', user).execute()
      await tx.db
        .deleteFrom('profiles_tokens')
        .where('user', '=', user)
        .where('session', '=', 1)
        .where('id', '!=', keep)
        .execute()
      await bus.publish('profile.changed', { subject: user, data: { user, what: 'tokens' } }, tx)
    })
    return {}
  }
}
