import Type from 'typebox'
import { strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { PasswordInfo, SecretInfo, SecretVersion } from '#contracts/registry.ts'
import { noSuch } from '../names.ts'
import { type Route, route } from '../route.ts'

const Synced = { used_by: Type.Array(Name) }

/** Values go in and never come out. */
export const secrets: Route[] = [
  route(
    {
      id: 'listSecrets',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/secrets',
      access: 'secret.read',
      scope: 'repo',
      summary: 'Secrets: who set each, when, and how often; never their values',
      response: Type.Array(SecretInfo),
    },
    ({ repo }, { bus }) => bus.ask('registry.list_secrets', { repo }),
  ),
  route(
    {
      id: 'setSecret',
      method: 'PUT',
      path: '/v1/repos/:owner/:repo/secrets/:name',
      access: 'secret.write',
      scope: 'repo',
      summary:
        'Sets a secret; nodes that use it are synced. With `rotate` it must be there already, with another value',
      body: strict({ value: Type.String(), rotate: Type.Optional(Type.Boolean()) }),
      response: strict({ ...SecretInfo.properties, ...Synced }),
    },
    ({ repo, params, body, identity }, { bus }) =>
      bus.ask('registry.set_secret', {
        repo,
        name: params.name,
        value: body.value,
        rotate: body.rotate ?? false,
        by: identity.user,
      }),
  ),
  route(
    {
      id: 'unsetSecret',
      method: 'DELETE',
      path: '/v1/repos/:owner/:repo/secrets/:name',
      access: 'secret.write',
      scope: 'repo',
      summary: 'Removes a secret; answers with the nodes that use it, whose next sync will fail',
      response: strict(Synced),
    },
    ({ repo, params, identity }, { bus }) =>
      bus.ask('registry.unset_secret', { repo, name: params.name, by: identity.user }),
  ),
  route(
    {
      id: 'listSecretHistory',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/secrets/:name/history',
      access: 'secret.read',
      scope: 'repo',
      summary: 'When and by whom a secret was set, rotated and removed, newest first',
      response: Type.Array(SecretVersion),
    },
    async ({ repo, params: { name } }, { bus }) => {
      const found = await bus.ask('registry.secret_history', { repo, name })
      if (found.length > 0) return found
      const names = (await bus.ask('registry.list_secrets', { repo })).map((secret) => secret.name)
      throw noSuch('secret', name, ` in ${repo}`, names)
    },
  ),
  route(
    {
      id: 'listPasswords',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/passwords',
      access: 'secret.read',
      scope: 'repo',
      summary: 'Passwords that the platform made: the addresses that they stand at, never their values',
      response: Type.Array(PasswordInfo),
    },
    ({ repo }, { bus }) => bus.ask('registry.list_passwords', { repo }),
  ),
  route(
    {
      id: 'rotatePassword',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/passwords/rotate',
      access: 'secret.write',
      scope: 'repo',
      summary: 'Makes another password for an address; nodes that use it are synced',
      body: strict({ address: PasswordInfo.properties.address }),
      response: strict({ ...PasswordInfo.properties, ...Synced }),
    },
    ({ repo, body, identity }, { bus }) =>
      bus.ask('registry.rotate_password', { repo, ...body, by: identity.user }),
  ),
]
