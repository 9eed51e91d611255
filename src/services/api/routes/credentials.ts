import Type from 'typebox'
import { calls } from '#contracts'
import { Credential } from '#contracts/credentials.ts'
import { Nothing, strict } from '#contracts/define.ts'
import { requireRepositories } from '../names.ts'
import { type Route, route } from '../route.ts'

/** A provider far away may take its time to refuse. */
const CHECK = 25_000
const path = '/v1/users/:user/credentials'
const { provider, fields, repos } = calls['profiles.set_credential'].input.properties

/** Values go in and never come out. */
export const credentials: Route[] = [
  route(
    {
      id: 'listCredentials',
      method: 'GET',
      path,
      access: 'user.read',
      scope: 'self',
      summary: 'Provider credentials of a user, without their values',
      response: Type.Array(Credential),
    },
    ({ params }, { bus }) => bus.ask('profiles.list_credentials', { user: params.user }),
  ),
  route(
    {
      id: 'setCredential',
      method: 'PUT',
      path: `${path}/:name`,
      access: 'user.write',
      scope: 'self',
      summary:
        'Sets a provider credential, once the provider has taken it; of `repos` only, when they are named',
      body: strict({ provider, fields, repos }),
      shows: ['provider', 'repos'],
      response: Credential,
    },
    async ({ params: { user, name }, body, identity }, { bus }) => {
      await requireRepositories(bus, identity, body.repos ?? [])
      return bus.ask('profiles.set_credential', { user, name, ...body }, { deadline: CHECK })
    },
  ),
  route(
    {
      id: 'checkCredential',
      method: 'POST',
      path: `${path}/:name/check`,
      access: 'user.write',
      scope: 'self',
      summary: 'Asks the provider whether it still takes a credential',
      response: Credential,
    },
    ({ params: { user, name } }, { bus }) =>
      bus.ask('profiles.check_credential', { user, name }, { deadline: CHECK }),
  ),
  route(
    {
      id: 'unsetCredential',
      method: 'DELETE',
      path: `${path}/:name`,
      access: 'user.write',
      scope: 'self',
      summary: 'Removes a credential by which no server was made',
      response: Nothing,
    },
    ({ params: { user, name } }, { bus }) => bus.ask('profiles.unset_credential', { user, name }),
  ),
]
