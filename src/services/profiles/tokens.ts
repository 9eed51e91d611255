import { createHash, randomBytes } from 'node:crypto'
import type { Input, Output } from '#contracts'
import type { Scope } from '#contracts/profiles.ts'
import { newId } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { requireAsker } from './asker.ts'
import type { Tables } from './tables.ts'
import { requireUser } from './users.ts'

type Token = Output<'profiles.list_tokens'>[number]

/** A fast hash is enough: 256 random bits cannot be guessed. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Names a password without telling anything of it: it changes with it, since each hash has a salt of its own. */
export const markOf = (password: string | null): string =>
  createHash('sha256')
    .update(password ?? '')
    .digest('hex')
    .slice(0, 32)

const toToken = ({ hash: _, session: _made, scope, ...rest }: Tables['profiles_tokens']): Token => ({
  ...rest,
  scope: scope as Scope,
})

export function createTokens({ bus, clock, store: any }: Parts) {
  const store = any.as<Tables>()

  return {
    async create({
      asker,
      user,
      title,
      expires_in,
      scope = 'admin',
      repo = null,
      session = false,
      mark,
    }: Input<'profiles.create_token'>): Promise<Output<'profiles.create_token'>> {
      const token = `devo_${randomBytes(32).toString('base64url')}`
      const now = clock.now()
      return store.transaction(async (tx) => {
        const found = await requireUser(tx.db, user)
        await requireAsker(tx.db, asker, user, now)
        if (mark !== undefined && mark !== markOf(found.password))
          throw new Problem('unauthenticated', { reason: 'the password was changed meanwhile' })
        const row = await tx.db
          .insertInto('profiles_tokens')
          .values({
            id: newId(now),
            user,
            title,
            scope,
            repo,
            session: session ? 1 : 0,
            hash: hashToken(token),
            created_at: now,
            expires_at: expires_in === undefined ? null : now + expires_in * 1000,
            used_at: null,
          })
          .returningAll()
          .executeTakeFirstOrThrow()
        await bus.publish('profile.changed', { subject: user, data: { user, what: 'tokens' } }, tx)
        return { token, record: toToken(row) }
      })
    },

    async list({ user }: Input<'profiles.list_tokens'>): Promise<Token[]> {
      await requireUser(store.db, user)
      const rows = await store.db
        .selectFrom('profiles_tokens')
        .selectAll()
        .where('user', '=', user)
        .orderBy('id')
        .execute()
      return rows.map(toToken)
    },

    async revoke({ user, id }: Input<'profiles.revoke_token'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        const row = await tx.db
          .deleteFrom('profiles_tokens')
          .where('user', '=', user)
          .where('id', '=', id)
          .returning('id')
          .executeTakeFirst()
        if (!row) throw new Problem('not_found', { what: `token ${id} of ${user}` })
        await bus.publish('profile.changed', { subject: user, data: { user, what: 'tokens' } }, tx)
      })
      return {}
    },
  }
}
