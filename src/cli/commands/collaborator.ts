import type { Command } from 'commander'
import type { Schemas } from '#client'
import { oneOf } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'
import { show } from './list.ts'

type Collaborator = Schemas['Collaborator']
type Role = Collaborator['role']

const roles: readonly Role[] = ['read', 'write', 'admin']

export function collaborator(program: Command, session: Session): void {
  const group = program.command('collaborator').description('who shares a repository')
  examples(group, 'devops collaborator add bob --role write')

  const add = group
    .command('add <user>')
    .description('share the repository with a user, or change the role')
    .option('--role <role>', roles.join(', '), 'write')
    .action(async (user: string, _, self: Command) => {
      const options = optionsOf<{ role: string }>(self)
      const role = oneOf('role', options.role, roles)
      const { id, path } = session.repo(options.repo)
      const made = must(
        await session.client().PUT('/v1/repos/{owner}/{repo}/collaborators/{user}', {
          params: { path: { ...path, user } },
          body: { role },
        }),
      )
      session.answer(made, `${user} shares ${id} with role ${role}.\n`)
    })
  examples(add, 'devops collaborator add bob --role read')

  const list = group
    .command('list')
    .description('who shares the repository')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const options = optionsOf<{ json?: boolean }>(self)
      const { id, path } = session.repo(options.repo)
      const all = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/collaborators', { params: { path } }),
      )
      show(
        session,
        options,
        all,
        ['user', 'role'],
        ({ user, role }: Collaborator) => [user, role],
        `Nobody shares ${id}.`,
      )
    })
  examples(list, 'devops collaborator list')

  const remove = group
    .command('remove <user>')
    .description('end sharing; the keys of the user leave the nodes')
    .action(async (user: string, _, self: Command) => {
      const { id, path } = session.repo(optionsOf(self).repo)
      must(
        await session.client().DELETE('/v1/repos/{owner}/{repo}/collaborators/{user}', {
          params: { path: { ...path, user } },
        }),
      )
      session.answer({ repo: id, user, role: null }, `${user} no longer shares ${id}.\n`)
    })
  examples(remove, 'devops collaborator remove bob')
}
