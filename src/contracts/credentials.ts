import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

/** What opens a provider. Values go in, and come out for shazam alone. */
export const CredentialFields = Type.Record(
  Type.String({ pattern: '^[a-z][a-z_]{0,31}$' }),
  Type.String({ minLength: 1, maxLength: 16_384 }),
)

export const Credential = strict({
  user: Name,
  name: Name,
  provider: Type.String(),
  /** Names of the fields that are set. */
  fields: Type.Array(Type.String()),
  /** The only ones whose nodes may use it; empty: every repository of the user. */
  repos: Type.Array(RepoId),
  set_at: Time,
  /** When the provider last took it; null: it was never asked. */
  checked_at: nullable(Time),
  /** What the provider said of itself. */
  said: nullable(Type.String()),
  used_at: nullable(Time),
})

const Which = strict({ user: Name, name: Name })

export const calls = {
  /**
   * Replaces one of the same name. The provider is asked whether it takes it: one that refuses is not kept. Throws
   * `invalid` for fields that the provider does not have, `provider` with its reason.
   */
  'profiles.set_credential': call(
    strict({
      ...Which.properties,
      provider: Type.String({ maxLength: 63 }),
      fields: CredentialFields,
      repos: Type.Optional(Type.Array(RepoId, { maxItems: 100 })),
    }),
    Credential,
  ),
  'profiles.list_credentials': call(strict({ user: Name }), Type.Array(Credential)),
  /** Asks the provider again. */
  'profiles.check_credential': call(Which, Credential),
  /** Throws `conflict` while a server was made with it. */
  'profiles.unset_credential': call(Which, Nothing),
  /** What nodes of a repository may name: those of its owner that are for it. */
  'profiles.repository_credentials': call(
    strict({ repo: RepoId }),
    Type.Array(strict({ name: Name, provider: Type.String() })),
  ),
  /**
   * For shazam only. Audited before it is handed out: throws `unaudited`. Throws `provider` when the owner of the
   * repository has none of that name for it.
   */
  'profiles.use_credential': call(
    strict({
      repo: RepoId,
      /** Null: for none, to see what the provider offers. */
      node: nullable(Name),
      name: Name,
      provider: Type.String(),
      /** `create`, `find`, `resize`, `power`, `destroy`, `offers`. */
      purpose: Type.String(),
    }),
    strict({ fields: CredentialFields }),
  ),
  /** `said`: what the provider tells of itself; null when it cannot be asked. Throws `invalid`, `provider`. */
  'shazam.check_credential': call(
    strict({ provider: Type.String(), fields: CredentialFields }),
    strict({ said: nullable(Type.String()) }),
  ),
}

export type CredentialFields = Type.Static<typeof CredentialFields>
