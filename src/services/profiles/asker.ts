import type { Asker } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'
import { findUser } from './users.ts'

/**
 * Rights are judged at the act as well as at the question. In the transaction of a change to the profile `whose`: throws
 * `unauthenticated` when its asker, or the token that was used, is none any more, and `administrators_only` when the
 * profile is another's and the asker no longer an administrator. `whose` null: a profile that is only being made.
 */
export async function requireAsker(
  db: Store<Tables>['db'],
  asker: Asker | undefined,
  whose: string | null,
  now: number,
): Promise<void> {
  if (!asker) return
  const user = await findUser(db, asker.user)
  if (!user || user.disabled === 1) throw gone(`user ${asker.user} is gone or disabled`)
  if (asker.token !== undefined) {
    const token = await db
      .selectFrom('profiles_tokens')
      .select('expires_at')
      .where('id', '=', asker.token)
      .where('user', '=', asker.user)
      .executeTakeFirst()
    if (!token || (token.expires_at !== null && token.expires_at <= now))
      throw gone('the token was revoked, or has expired')
  }
  if (whose !== asker.user && user.admin === 0)
    throw new Problem('administrators_only', { user: asker.user, action: 'change other users' })
}

const gone = (reason: string): Problem => new Problem('unauthenticated', { reason })
