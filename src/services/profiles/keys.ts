import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Tx } from '#store'
import { requireAsker } from './asker.ts'
import { parsePublicKey } from './public-key.ts'
import type { Tables } from './tables.ts'
import { requireUser } from './users.ts'

type Key = Output<'profiles.add_key'>

export function createKeys({ bus, clock, store: any }: Parts) {
  const store = any.as<Tables>()

  return {
    async add({ asker, user, key, title }: Input<'profiles.add_key'>): Promise<Key> {
      const { line, fingerprint, comment } = parsePublicKey(key)
      return store.transaction(async (tx) => {
        await requireUser(tx.db, user)
        await requireAsker(tx.db, asker, user, clock.now())
        const row = await tx.db
          .insertInto('profiles_keys')
          .values({
            fingerprint,
            user,
            title: title ?? (comment || 'key'),
            key: line,
            created_at: clock.now(),
          })
          .onConflict((conflict) => conflict.doNothing())
          .returningAll()
          .executeTakeFirst()
        if (!row) throw await taken(tx, fingerprint, user)
        await bus.publish('profile.changed', { subject: user, data: { user, what: 'keys' } }, tx)
        return row
      })
    },

    async list({ user }: Input<'profiles.list_keys'>): Promise<Key[]> {
      await requireUser(store.db, user)
      return store.db
        .selectFrom('profiles_keys')
        .selectAll()
        .where('user', '=', user)
        .orderBy('created_at')
        .orderBy('fingerprint')
        .execute()
    },

    async remove({ user, fingerprint }: Input<'profiles.remove_key'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        const row = await tx.db
          .deleteFrom('profiles_keys')
          .where('user', '=', user)
          .where('fingerprint', '=', fingerprint)
          .returning('fingerprint')
          .executeTakeFirst()
        if (!row) throw new Problem('not_found', { what: `key ${fingerprint} of ${user}` })
        await bus.publish('profile.changed', { subject: user, data: { user, what: 'keys' } }, tx)
      })
      return {}
    },
  }
}

async function taken(tx: Tx<Tables>, fingerprint: string, user: string): Promise<Problem> {
  const holder = await tx.db
    .selectFrom('profiles_keys')
    .select('user')
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst()
  if (holder?.user === user) return new Problem('exists', { what: `Key ${fingerprint}` })
  return new Problem('conflict', {
    reason: `Key ${fingerprint} is on another profile, and a key belongs to one user only`,
  })
}
