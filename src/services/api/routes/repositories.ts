import Type from 'typebox'
import { calls } from '#contracts'
import { Nothing, strict } from '#contracts/define.ts'
import { Name, namePattern } from '#contracts/ids.ts'
import { Collaborator, Role } from '#contracts/profiles.ts'
import { Variable, VariableVersion } from '#contracts/registry.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { requireAddress, requireScope, requireVariable } from '../names.ts'
import { viewRepository, visibleRepositories } from '../repositories.ts'
import { type Route, route } from '../route.ts'
import { RepositoryView } from '../views.ts'

const { scope, name, value } = Variable.properties
const { address } = calls['registry.get_value'].input.properties
const one = namePattern.source.slice(1, -1)
const NameOrId = Type.String({ pattern: `^(${one}/)?${one}$`, description: 'name, or owner/name' })

const fullName = (name: string, user: string): string => (name.includes('/') ? name : `${user}/${name}`)

export const repositories: Route[] = [
  route(
    {
      id: 'listRepositories',
      method: 'GET',
      path: '/v1/repos',
      access: 'anybody',
      scope: 'platform',
      summary: 'Repositories that one owns or shares; all for an administrator',
      response: Type.Array(RepositoryView),
    },
    ({ identity }, { bus }) => visibleRepositories(bus, identity),
  ),
  route(
    {
      id: 'createRepository',
      method: 'POST',
      path: '/v1/repos',
      access: 'repo.create',
      scope: 'platform',
      summary: 'Makes an empty repository; its owner is who asks, unless an administrator names another',
      body: strict({ repo: NameOrId }),
      status: 201,
      shows: ['repo'],
      about: ({ body, identity }) => fullName((body as { repo: string }).repo, identity.user),
      response: RepositoryView,
    },
    async ({ body, identity }, { bus }) => {
      const repo = fullName(body.repo, identity.user)
      const [owner = ''] = repo.split('/')
      if (owner !== identity.user && !identity.admin)
        throw new Problem('administrators_only', {
          user: identity.user,
          action: `make a repository of ${owner}`,
        })
      await bus.ask('profiles.get_user', { name: owner })
      await bus.ask('git.create_repository', { repo, by: identity.user })
      return viewRepository(bus, repo, identity)
    },
  ),
  route(
    {
      id: 'getRepository',
      method: 'GET',
      path: '/v1/repos/:owner/:repo',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A repository',
      response: RepositoryView,
    },
    ({ repo, identity }, { bus }) => viewRepository(bus, repo, identity),
  ),
  route(
    {
      id: 'deleteRepository',
      method: 'DELETE',
      path: '/v1/repos/:owner/:repo',
      access: 'repo.delete',
      scope: 'repo',
      summary: 'Removes a repository that has no nodes any more',
      response: Nothing,
    },
    ({ repo, identity }, { bus }) => bus.ask('git.delete_repository', { repo, by: identity.user }),
  ),
  route(
    {
      id: 'listCollaborators',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/collaborators',
      access: 'collaborator.read',
      scope: 'repo',
      summary: 'Who shares a repository, and with which role',
      response: Type.Array(Collaborator),
    },
    ({ repo }, { bus }) => bus.ask('profiles.list_collaborators', { repo }),
  ),
  route(
    {
      id: 'setCollaborator',
      method: 'PUT',
      path: '/v1/repos/:owner/:repo/collaborators/:user',
      access: 'collaborator.write',
      scope: 'repo',
      summary: 'Shares a repository with a user, or changes his role',
      body: strict({ role: Role }),
      shows: ['role'],
      response: Collaborator,
    },
    ({ repo, params, body }, { bus }) =>
      bus.ask('profiles.set_collaborator', { repo, user: params.user, role: body.role }),
  ),
  route(
    {
      id: 'removeCollaborator',
      method: 'DELETE',
      path: '/v1/repos/:owner/:repo/collaborators/:user',
      access: 'collaborator.write',
      scope: 'repo',
      summary: 'Ends sharing: the keys of the user leave the nodes',
      response: Nothing,
    },
    ({ repo, params }, { bus }) => bus.ask('profiles.remove_collaborator', { repo, user: params.user }),
  ),
  route(
    {
      id: 'listVariables',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/variables',
      access: 'var.read',
      scope: 'repo',
      summary: 'Variables that were set by hand, of the repository, its nodes and tasks',
      response: Type.Array(Variable),
    },
    ({ repo }, { bus }) => bus.ask('registry.list_variables', { repo }),
  ),
  route(
    {
      id: 'setVariable',
      method: 'PUT',
      path: '/v1/repos/:owner/:repo/variables',
      access: 'var.write',
      scope: 'repo',
      summary: 'Sets a variable; nodes that use it are synced',
      body: strict({ scope, name, value }),
      shows: ['scope', 'name'],
      response: Variable,
    },
    async ({ repo, body, identity }, { bus }) => {
      await requireScope(bus, repo, body.scope)
      return bus.ask('registry.set_variable', { repo, ...body, by: identity.user })
    },
  ),
  route(
    {
      id: 'unsetVariable',
      method: 'DELETE',
      path: '/v1/repos/:owner/:repo/variables',
      access: 'var.write',
      scope: 'repo',
      summary: 'Removes a variable',
      query: strict({ scope, name }),
      response: Nothing,
    },
    async ({ repo, query, identity }, { bus }) => {
      try {
        return await bus.ask('registry.unset_variable', { repo, ...query, by: identity.user })
      } catch (error) {
        // What a node that has left was given can be removed; where there is nothing, the node may be misspelt.
        if (isProblem(error, 'not_found')) await requireScope(bus, repo, query.scope)
        throw error
      }
    },
  ),
  route(
    {
      id: 'listVariableHistory',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/variables/history',
      access: 'var.read',
      scope: 'repo',
      summary: 'What a variable is and was, newest first: set, and written in descriptors',
      query: strict({ scope, name }),
      response: Type.Array(VariableVersion),
    },
    async ({ repo, query }, { bus }) => {
      const found = await bus.ask('registry.variable_history', { repo, ...query })
      if (found.length === 0) await requireVariable(bus, repo, query.scope, query.name)
      return found
    },
  ),
  route(
    {
      id: 'getValue',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/variables/value',
      access: 'var.read',
      scope: 'repo',
      summary:
        'What an address is, as a node or task sees it, and where a variable comes from; secrets as ***',
      query: strict({ address, node: Type.Optional(Name), task: Type.Optional(Name) }),
      response: calls['registry.get_value'].output,
    },
    ({ repo, query }, { bus }) => bus.ask('registry.get_value', { repo, ...query }),
  ),
  route(
    {
      id: 'listVariableUsers',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/variables/used-by',
      access: 'var.read',
      scope: 'repo',
      summary: 'Nodes whose configuration depends on an address, such as `vars.color` or `db.ip`',
      query: strict({ address: Type.String({ minLength: 1, maxLength: 512 }) }),
      response: Type.Array(Name),
    },
    async ({ repo, query }, { bus }) => {
      const found = await bus.ask('registry.used_by', { repo, ...query })
      if (found.length === 0) await requireAddress(bus, repo, query.address)
      return found
    },
  ),
]
