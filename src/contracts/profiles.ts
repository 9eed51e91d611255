import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

export const roles = ['read', 'write', 'admin', 'owner'] as const
export const Role = Type.Enum(roles)

/** What can be done to a repository or to the platform; `services/profiles/permissions.ts` says which role may. */
export const actions = [
  'repo.read',
  'repo.write',
  'repo.create',
  'repo.delete',
  'settings.write',
  'node.sync',
  'node.link',
  'node.ssh',
  'task.run',
  'task.cancel',
  'run.approve',
  'var.read',
  'var.write',
  'secret.read',
  'secret.write',
  'collaborator.read',
  'collaborator.write',
  'logs.read',
  'audit.read',
  'user.read',
  'user.write',
  'platform.read',
] as const
export const Action = Type.Enum(actions)

/** What a token is for. Each includes the one before it. */
export const scopes = ['read', 'write', 'admin'] as const

/** How far a token reaches, never beyond what its user may. `repo` null: everywhere. */
export const Reach = strict({ scope: Type.Enum(scopes), repo: nullable(RepoId) })

export const User = strict({
  name: Name,
  email: nullable(Type.String()),
  admin: Type.Boolean(),
  /** Nothing of the user opens anything, until enabled again. */
  disabled: Type.Boolean(),
  created_at: Time,
})

export const Key = strict({
  user: Name,
  title: Type.String(),
  /** `SHA256:…` as ssh-keygen prints it. */
  fingerprint: Type.String(),
  /** One line of OpenSSH format, without comment. */
  key: Type.String(),
  created_at: Time,
})

export const Token = strict({
  id: Type.String(),
  user: Name,
  title: Type.String(),
  ...Reach.properties,
  created_at: Time,
  expires_at: nullable(Time),
  used_at: nullable(Time),
})

/** Who somebody proved to be, and by what. */
export const Identity = strict({
  user: Name,
  admin: Type.Boolean(),
  via: Type.Union([Type.Literal('key'), Type.Literal('token'), Type.Literal('password')]),
  /** Fingerprint of the key, id of the token. */
  credential: Type.String(),
  /** Of a token; absent: as far as the user may. */
  reach: Type.Optional(Reach),
  /** Of a password: what it was, so that a token made by this sign-in is not made once it has changed. */
  mark: Type.Optional(Type.String()),
})

export const Password = Type.String({ minLength: 8, maxLength: 1024 })

export const Collaborator = strict({ repo: RepoId, user: Name, role: Role })

/** Who asks for a change, and by which token: judged again when it is made, since hashing a password takes a while. */
const Asker = strict({ user: Name, token: Type.Optional(Type.String()) })

export const calls = {
  'profiles.create_user': call(
    strict({
      asker: Type.Optional(Asker),
      name: Name,
      email: Type.Optional(Type.String()),
      password: Type.Optional(Password),
      admin: Type.Optional(Type.Boolean()),
    }),
    User,
  ),
  'profiles.list_users': call(Nothing, Type.Array(User)),
  'profiles.get_user': call(strict({ name: Name }), User),
  /** Changes what is given. Throws `conflict` when the last administrator would be none. */
  'profiles.update_user': call(
    strict({
      name: Name,
      email: Type.Optional(nullable(Type.String())),
      admin: Type.Optional(Type.Boolean()),
      disabled: Type.Optional(Type.Boolean()),
    }),
    User,
  ),
  /**
   * Ends what was signed in with the old one, but for the token `keep`. `proof`: the user changes his own and says the
   * old one, unless there was none; wrong ones are counted like wrong sign-ins. Throws `unauthenticated`.
   */
  'profiles.set_password': call(
    strict({
      asker: Type.Optional(Asker),
      user: Name,
      password: Password,
      proof: Type.Optional(
        strict({
          current: Type.Optional(Type.String({ maxLength: 1024 })),
          from: Type.Optional(Type.String()),
        }),
      ),
      keep: Type.Optional(Type.String()),
    }),
    Nothing,
  ),
  /** With keys, tokens and collaborations. Throws `conflict` while the user owns repositories. */
  'profiles.delete_user': call(strict({ name: Name }), Nothing),
  /** `key`: one line of an OpenSSH public key file. */
  'profiles.add_key': call(
    strict({
      asker: Type.Optional(Asker),
      user: Name,
      key: Type.String(),
      title: Type.Optional(Type.String()),
    }),
    Key,
  ),
  'profiles.list_keys': call(strict({ user: Name }), Type.Array(Key)),
  'profiles.remove_key': call(strict({ user: Name, fingerprint: Type.String() }), Nothing),
  /** The only time that the token is seen. */
  'profiles.create_token': call(
    strict({
      asker: Type.Optional(Asker),
      user: Name,
      title: Type.String(),
      expires_in: Type.Optional(Type.Integer({ minimum: 1, description: 'seconds' })),
      /** `admin` and everywhere when absent. */
      scope: Type.Optional(Reach.properties.scope),
      repo: Type.Optional(Reach.properties.repo),
      /** Made by a sign-in: ends when the password changes. */
      session: Type.Optional(Type.Boolean()),
      /** Of the sign-in; throws `unauthenticated` when the password has changed since. */
      mark: Type.Optional(Type.String()),
    }),
    strict({ token: Type.String(), record: Token }),
  ),
  'profiles.list_tokens': call(strict({ user: Name }), Type.Array(Token)),
  'profiles.revoke_token': call(strict({ user: Name, id: Type.String() }), Nothing),
  /** Throws `unauthenticated`. `key` is the OpenSSH line of a key whose possession was proved already. */
  'profiles.authenticate': call(
    Type.Union([
      strict({ kind: Type.Literal('token'), token: Type.String() }),
      strict({ kind: Type.Literal('key'), key: Type.String() }),
      /** `from`: the asker's address; wrong passwords are counted for it as well as for the user. */
      strict({
        kind: Type.Literal('password'),
        user: Type.String({ maxLength: 255 }),
        password: Type.String({ maxLength: 1024 }),
        from: Type.Optional(Type.String()),
      }),
    ]),
    Identity,
  ),
  /**
   * Throws `forbidden`, `token_scope`, or `not_found` when the user may not even know of the repository. `whose`: the
   * profile that is acted on; one's own needs no right. `reach`: of the token that is used.
   */
  'profiles.authorize': call(
    strict({
      user: Name,
      action: Action,
      repo: Type.Optional(RepoId),
      whose: Type.Optional(Type.String()),
      reach: Type.Optional(Reach),
    }),
    Nothing,
  ),
  /** Repositories that a user owns or collaborates on, sorted; none when the user is not known. */
  'profiles.collaborations': call(strict({ user: Name }), Type.Array(Collaborator)),
  /**
   * Everything that belongs to a repository that was deleted at this time (milliseconds) leaves, or is hidden for good;
   * to do it twice changes nothing. Announced as well (`repo.deleted`); asked before a repository of the same name is made.
   */
  'profiles.forget_repository': call(strict({ repo: RepoId, at: Time }), Nothing),
  'profiles.set_collaborator': call(Collaborator, Collaborator),
  'profiles.remove_collaborator': call(strict({ repo: RepoId, user: Name }), Nothing),
  'profiles.list_collaborators': call(strict({ repo: RepoId }), Type.Array(Collaborator)),
  /** Public keys (OpenSSH lines) of the owner and of all who may log in to the nodes, sorted. */
  'profiles.node_keys': call(
    strict({ repo: RepoId }),
    Type.Array(strict({ user: Name, key: Type.String() })),
  ),
}

export const events = {
  'profile.changed': strict({
    user: Name,
    /** `user`: who may enter where may have changed. `about`: what is told of the user, and no more. */
    what: Type.Union([
      Type.Literal('user'),
      Type.Literal('keys'),
      Type.Literal('tokens'),
      Type.Literal('about'),
    ]),
  }),
  'collaborator.changed': strict({ repo: RepoId, user: Name, role: nullable(Role) }),
}

export const queues = {}

export type Role = Type.Static<typeof Role>
export type Action = Type.Static<typeof Action>
export type Scope = (typeof scopes)[number]
export type Asker = Type.Static<typeof Asker>
export type Reach = Type.Static<typeof Reach>
export type Identity = Type.Static<typeof Identity>
export type User = Type.Static<typeof User>
