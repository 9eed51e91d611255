import Type from 'typebox'
import { Nothing, nullable, strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { Identity, Key, Password, Reach, Token, User } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import { requireRepositories } from '../names.ts'
import { type Route, route } from '../route.ts'
import { NewToken } from '../views.ts'

/** 90 days: a login by password is for a person at a machine. */
const LOGIN_SECONDS = 90 * 24 * 3600

const askerOf = ({ user, via, credential }: Identity) => ({
  user,
  ...(via === 'token' && { token: credential }),
})

const byNewest = (a: { created_at: number }, b: { created_at: number }) => b.created_at - a.created_at

export const people: Route[] = [
  route(
    {
      id: 'login',
      method: 'POST',
      path: '/v1/login',
      access: 'public',
      scope: 'platform',
      summary: 'A token for a user and a password',
      body: strict({ user: Type.String(), password: Type.String(), title: Type.Optional(Type.String()) }),
      status: 201,
      response: NewToken,
    },
    async ({ body, from }, { bus }) => {
      const { user, password, title = 'login' } = body
      const identity = await bus.ask('profiles.authenticate', { kind: 'password', user, password, from })
      return bus.ask('profiles.create_token', {
        user: identity.user,
        title,
        expires_in: LOGIN_SECONDS,
        session: true,
        ...(identity.mark !== undefined && { mark: identity.mark }),
      })
    },
  ),
  route(
    {
      id: 'me',
      method: 'GET',
      path: '/v1/me',
      access: 'anybody',
      scope: 'platform',
      summary: 'Who the token belongs to',
      response: Identity,
    },
    async ({ identity }) => identity,
  ),
  route(
    {
      id: 'listUsers',
      method: 'GET',
      path: '/v1/users',
      access: 'user.read',
      scope: 'platform',
      summary: 'All users',
      response: Type.Array(User),
    },
    (_, { bus }) => bus.ask('profiles.list_users', {}),
  ),
  route(
    {
      id: 'createUser',
      method: 'POST',
      path: '/v1/users',
      access: 'user.write',
      scope: 'platform',
      summary: 'Makes a user',
      body: strict({
        name: Name,
        email: Type.Optional(Type.String()),
        password: Type.Optional(Password),
        admin: Type.Optional(Type.Boolean()),
      }),
      status: 201,
      shows: ['name', 'admin'],
      response: User,
    },
    ({ body, identity }, { bus }) => bus.ask('profiles.create_user', { asker: askerOf(identity), ...body }),
  ),
  route(
    {
      id: 'updateUser',
      method: 'PUT',
      path: '/v1/users/:user',
      access: 'user.write',
      scope: 'platform',
      summary: 'Changes a user; a disabled one opens nothing, and what he has open ends',
      body: strict({
        email: Type.Optional(nullable(Type.String())),
        admin: Type.Optional(Type.Boolean()),
        disabled: Type.Optional(Type.Boolean()),
      }),
      shows: ['admin', 'disabled'],
      response: User,
    },
    ({ params, body, identity }, { bus }) => {
      if (params.user === identity.user && (body.disabled || body.admin === false))
        throw new Problem('conflict', { reason: 'An administrator cannot take his own rights' })
      return bus.ask('profiles.update_user', { name: params.user, ...body })
    },
  ),
  route(
    {
      id: 'setPassword',
      method: 'PUT',
      path: '/v1/users/:user/password',
      access: 'user.write',
      scope: 'self',
      summary: 'Sets a password; of oneself with the present one. What was signed in with the old one ends',
      body: strict({ password: Password, current: Type.Optional(Type.String()) }),
      response: Nothing,
    },
    ({ params, body, identity, from }, { bus }) => {
      const { password, current } = body
      const own = params.user === identity.user
      return bus.ask('profiles.set_password', {
        asker: askerOf(identity),
        user: params.user,
        password,
        ...(own && { proof: { from, ...(current !== undefined && { current }) } }),
        ...(own && identity.via === 'token' && { keep: identity.credential }),
      })
    },
  ),
  route(
    {
      id: 'deleteUser',
      method: 'DELETE',
      path: '/v1/users/:user',
      access: 'user.write',
      scope: 'platform',
      summary: 'Removes a user with his keys and tokens',
      response: Nothing,
    },
    ({ params, identity }, { bus }) => {
      if (params.user === identity.user)
        throw new Problem('conflict', { reason: 'An administrator cannot remove himself' })
      return bus.ask('profiles.delete_user', { name: params.user })
    },
  ),
  route(
    {
      id: 'listKeys',
      method: 'GET',
      path: '/v1/users/:user/keys',
      access: 'user.read',
      scope: 'self',
      summary: 'SSH keys of a user',
      response: Type.Array(Key),
    },
    ({ params }, { bus }) => bus.ask('profiles.list_keys', { user: params.user }),
  ),
  route(
    {
      id: 'addKey',
      method: 'POST',
      path: '/v1/users/:user/keys',
      access: 'user.write',
      scope: 'self',
      summary: 'Adds an SSH key: one line of an OpenSSH public key file',
      body: strict({ key: Type.String(), title: Type.Optional(Type.String()) }),
      status: 201,
      shows: ['title'],
      response: Key,
    },
    ({ params, body, identity }, { bus }) =>
      bus.ask('profiles.add_key', { asker: askerOf(identity), user: params.user, ...body }),
  ),
  route(
    {
      id: 'removeKey',
      method: 'DELETE',
      path: '/v1/users/:user/keys/:fingerprint',
      access: 'user.write',
      scope: 'self',
      summary: 'Removes an SSH key; the fingerprint is URL-encoded',
      response: Nothing,
    },
    ({ params }, { bus }) =>
      bus.ask('profiles.remove_key', { user: params.user, fingerprint: params.fingerprint }),
  ),
  route(
    {
      id: 'listTokens',
      method: 'GET',
      path: '/v1/users/:user/tokens',
      access: 'user.read',
      scope: 'self',
      summary: 'Tokens of a user, newest first, without their values',
      response: Type.Array(Token),
    },
    async ({ params }, { bus }) =>
      (await bus.ask('profiles.list_tokens', { user: params.user })).toSorted(byNewest),
  ),
  route(
    {
      id: 'createToken',
      method: 'POST',
      path: '/v1/users/:user/tokens',
      access: 'user.write',
      scope: 'self',
      summary: 'Makes a token: the only time that its value is seen',
      body: strict({
        title: Type.String(),
        expires_in: Type.Optional(Type.Integer({ minimum: 1, description: 'seconds' })),
        scope: Type.Optional(Reach.properties.scope),
        repo: Type.Optional(Reach.properties.repo),
      }),
      status: 201,
      shows: ['title', 'scope', 'repo', 'expires_in'],
      response: NewToken,
    },
    async ({ params, body, identity }, { bus }) => {
      await requireRepositories(bus, identity, body.repo ? [body.repo] : [])
      return bus.ask('profiles.create_token', { asker: askerOf(identity), user: params.user, ...body })
    },
  ),
  route(
    {
      id: 'revokeToken',
      method: 'DELETE',
      path: '/v1/users/:user/tokens/:id',
      access: 'user.write',
      scope: 'self',
      summary: 'Revokes a token: what is open with it ends',
      response: Nothing,
    },
    ({ params }, { bus }) => bus.ask('profiles.revoke_token', { user: params.user, id: params.id }),
  ),
]
