import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { show } from './list.ts'

export function password(program: Command, session: Session): void {
  const group = program
    .command('password')
    .description('passwords that the platform made: passwords.NAME, and options that were left out')
  examples(group, 'devops password list', 'devops password rotate passwords.shop')

  const list = group
    .command('list')
    .description('where passwords stand; never their values')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const options = optionsOf<{ json?: boolean }>(self)
      const { id, path } = session.repo(options.repo)
      const all = must(await session.client().GET('/v1/repos/{owner}/{repo}/passwords', { params: { path } }))
      const row = (one: Schemas['PasswordInfo']) => [
        printable(one.address),
        String(one.version),
        ago(one.set_at, session.now()),
        one.set_by,
      ]
      show(session, options, all, ['address', 'version', 'made', 'by'], row, `${id} has no passwords.`)
    })
  examples(list, 'devops password list --json')

  const rotate = group
    .command('rotate <address>')
    .description('make another password for an address; nodes that use it are synced')
    .action(async (address: string, _, self: Command) => {
      const { path } = session.repo(optionsOf(self).repo)
      const made = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/passwords/rotate', {
          params: { path },
          body: { address },
        }),
      )
      const { version, used_by } = made
      session.answer(made, `A new password is made for ${printable(address)}, version ${version}.\n`)
      if (used_by.length > 0)
        session.note(`Synced in a moment, because they use it: ${used_by.join(', ')}.\n`)
    })
  examples(
    rotate,
    'devops password rotate passwords.shop',
    'devops password rotate db.configuration.postgresql.users.shop.password',
  )
}
