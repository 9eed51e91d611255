import type { Input, Output } from '#contracts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { type Cost, verifyPassword } from './passwords.ts'
import { parsePublicKey } from './public-key.ts'
import { createSignInLimit } from './sign-in-limit.ts'
import type { Tables } from './tables.ts'
import { hashToken } from './tokens.ts'
import { findUser } from './users.ts'

type Identity = Output<'profiles.authenticate'>
type Proof<K extends string> = Extract<Input<'profiles.authenticate'>, { kind: K }>

/** A token's use is written down at most this often: not every request should cost a commit. */
const USE_EVERY = 60_000

const nobody = (reason: string): Problem => new Problem('unauthenticated', { reason })

export function createAuthentication({ clock, store: any }: Parts, cost?: Cost) {
  const store = any.as<Tables>()
  const limit = createSignInLimit(store, clock)

  return (proof: Input<'profiles.authenticate'>): Promise<Identity> => {
    if (proof.kind === 'token') return byToken(proof)
    if (proof.kind === 'key') return byKey(proof)
    return byPassword(proof)
  }

  async function byToken({ token }: Proof<'token'>): Promise<Identity> {
    const row = await store.db
      .selectFrom('profiles_tokens')
      .selectAll()
      .where('hash', '=', hashToken(token))
      .executeTakeFirst()
    const now = clock.now()
    if (!row) throw nobody('the token is not known, or it was revoked')
    if (row.expires_at !== null && row.expires_at <= now) throw nobody('the token has expired')
    if (row.used_at === null || now - row.used_at >= USE_EVERY)
      await store.transaction(async (tx) => {
        await tx.db.updateTable('profiles_tokens').set({ used_at: now }).where('id', '=', row.id).execute()
      })
    return identify(row.user, 'token', row.id)
  }

  async function byKey({ key }: Proof<'key'>): Promise<Identity> {
    const fingerprint = fingerprintOf(key)
    const row = await store.db
      .selectFrom('profiles_keys')
      .select('user')
      .where('fingerprint', '=', fingerprint)
      .executeTakeFirst()
    if (!row) throw nobody(`the key ${fingerprint} is on no profile`)
    return identify(row.user, 'key', fingerprint)
  }

  async function byPassword({ user, password, from }: Proof<'password'>): Promise<Identity> {
    const own = `user:${user.toLowerCase()}`
    const others = from === undefined ? [] : [`from:${from}`]
    await limit.charge([own, ...others])
    const row = await findUser(store.db, user)
    if (!(await verifyPassword(password, row?.password ?? null, cost)))
      throw nobody('the user name or the password is wrong')
    await limit.refund(own, others)
    return identify(user, 'password', user)
  }

  async function identify(name: string, via: Identity['via'], credential: string): Promise<Identity> {
    const user = await findUser(store.db, name)
    if (!user) throw nobody(`user ${name} is gone`)
    return { user: user.name, admin: user.admin === 1, via, credential }
  }
}

function fingerprintOf(key: string): string {
  try {
    return parsePublicKey(key).fingerprint
  } catch (error) {
    if (isProblem(error, 'invalid')) throw nobody('the key cannot be read or is too weak')
    throw error
  }
}
