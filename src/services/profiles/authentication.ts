import type { Input, Output } from '#contracts'
import type { AuditRecord } from '#contracts/audit.ts'
import type { Scope } from '#contracts/profiles.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Audit } from './audit.ts'
import type { Attempt, PasswordCheck } from './password-check.ts'
import { parsePublicKey } from './public-key.ts'
import type { Tables } from './tables.ts'
import { hashToken, markOf } from './tokens.ts'
import { findUser } from './users.ts'

type Identity = Output<'profiles.authenticate'>
type Proof<K extends string> = Extract<Input<'profiles.authenticate'>, { kind: K }>

/** A token's use is written down at most this often: not every request should cost a commit. */
const USE_EVERY = 60_000

interface SignIn {
  outcome: 'done' | 'refused'
  reason?: string
}

const nobody = (reason: string): Problem => new Problem('unauthenticated', { reason })

export function createAuthentication(
  { clock, log, store: any }: Parts,
  check: PasswordCheck,
  audit: Pick<Audit, 'record'>,
) {
  const store = any.as<Tables>()

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
    if (row.used_at === null || now - row.used_at >= USE_EVERY) await noteUse(row.id, now)
    const identity = await identify(row.user, 'token', row.id)
    return { ...identity, reach: { scope: row.scope as Scope, repo: row.repo } }
  }

  /** Book-keeping: with a full disk whoever may read reads on, and the use goes unnoted. */
  async function noteUse(id: string, now: number): Promise<void> {
    try {
      await store.transaction(async (tx) => {
        await tx.db.updateTable('profiles_tokens').set({ used_at: now }).where('id', '=', id).execute()
      })
    } catch (error) {
      log.warn({ err: error, token: id }, 'the use of a token could not be noted')
    }
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

  async function byPassword({ kind: _, ...attempt }: Proof<'password'>): Promise<Identity> {
    const identity = await tryPassword(attempt).catch(async (error) => {
      // What was not even looked at is no attempt: nobody can fill the audit by knocking.
      if (isProblem(error) && error.data.wait !== undefined) throw error
      await audit.record(await signIn(attempt, { outcome: 'refused', reason: Problem.of(error).message }))
      throw error
    })
    await audit.record(await signIn(attempt, { outcome: 'done' }))
    return identity
  }

  async function tryPassword(attempt: Attempt): Promise<Identity> {
    const hash = await check(attempt)
    return { ...(await identify(attempt.user, 'password', attempt.user)), mark: markOf(hash) }
  }

  /** A name that nobody has is not kept: people type their password into the wrong field. */
  async function signIn({ user, from }: Attempt, { outcome, ...details }: SignIn): Promise<AuditRecord> {
    const known = await findUser(store.db, user)
    return {
      actor: outcome === 'done' ? user : null,
      via: 'password',
      credential: null,
      from: from ?? null,
      action: 'sign_in',
      repo: null,
      cause: 'password',
      details: { user: known ? user : 'unknown', ...details },
      outcome,
      of: null,
    }
  }

  async function identify(name: string, via: Identity['via'], credential: string): Promise<Identity> {
    const user = await findUser(store.db, name)
    if (!user) throw nobody(`user ${name} is gone`)
    if (user.disabled === 1) throw nobody(`user ${name} is disabled`)
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
