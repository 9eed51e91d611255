import type { Command } from 'commander'
import { newName } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'
import { facts } from '../text.ts'
import { repos } from './list.ts'
import { settings } from './settings.ts'

export function repo(program: Command, session: Session): void {
  const group = program.command('repo').description('make, list, show, set and remove repositories')
  examples(group, 'devops repo create shop')

  const create = group
    .command('create <name>')
    .description('make an empty repository: NAME, or OWNER/NAME as an administrator')
    .action(async (name: string) => {
      for (const part of name.split('/', 2)) newName('repository', part)
      const made = must(await session.client().POST('/v1/repos', { body: { repo: name } }))
      session.answer(made, `Made ${made.repo}. Servers follow its branch ${made.branch}.\n`)
    })
  examples(create, 'devops repo create shop')

  const list = group
    .command('list')
    .description('repositories that you own or share')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => repos(session, options))
  examples(list, 'devops repo list')

  const info = group
    .command('info [owner/name]')
    .description('a repository')
    .option('--json', 'print JSON')
    .action(async (named: string | undefined, _, self: Command) => {
      const options = optionsOf<{ json?: boolean }>(self)
      const { path } = session.repo(named ?? options.repo)
      const found = must(await session.client().GET('/v1/repos/{owner}/{repo}', { params: { path } }))
      if (options.json) return session.printJson(found)
      session.print(
        facts([
          ['repo', found.repo],
          ['your role', found.role],
          ['branch', found.branch],
          ['commit', found.commit ?? 'nothing was pushed yet'],
          ['made', new Date(found.created_at).toISOString()],
        ]),
      )
    })
  examples(info, 'devops repo info ann/shop')

  settings(group, session)

  const remove = group
    .command('delete <owner/name>')
    .description('remove a repository that has no nodes any more; written out, so that it is meant')
    .action(async (named: string) => {
      const { id, path } = session.repo(named)
      must(await session.client().DELETE('/v1/repos/{owner}/{repo}', { params: { path } }))
      session.answer({ removed: id }, `Removed ${id}.\n`)
    })
  examples(remove, 'devops repo delete ann/shop')
}
