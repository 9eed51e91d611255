import type { Command } from 'commander'
import { newName } from '../choice.ts'
import { examples } from '../command.ts'
import { readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'
import { users } from './list.ts'
import { askNew } from './passwd.ts'

interface Options {
  email?: string
  admin?: boolean
  passwordStdin?: boolean
}

export function user(program: Command, session: Session): void {
  const group = program.command('user').description('users of the platform, as an administrator')
  examples(group, 'devops user add ann')

  const add = group
    .command('add <name>')
    .description('make a user; give him a token with `devops token add TITLE --user NAME`')
    .option('--email <address>', 'e-mail address')
    .option('--admin', 'may do everything')
    .option('--password-stdin', 'read a password from stdin, for `devops login --user`')
    .action(async (name: string, { email, admin, passwordStdin }: Options) => {
      const password = passwordStdin ? await readAll(session.io.stdin) : undefined
      const body = {
        name: newName('user', name),
        ...(email ? { email } : {}),
        ...(admin ? { admin } : {}),
        ...(password === undefined ? {} : { password }),
      }
      const made = must(await session.client().POST('/v1/users', { body }))
      session.answer(made, `Made ${made.name}${made.admin ? ', an administrator' : ''}.\n`)
    })
  examples(add, 'devops user add ann --email ann@example.org')

  const list = group
    .command('list')
    .description('all users')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => users(session, options))
  examples(list, 'devops user list')

  for (const [word, disabled, description] of [
    ['disable', true, 'let nothing of a user open anything, and end what is open; his keys leave the nodes'],
    ['enable', false, 'undo `disable`'],
  ] as const) {
    const command = group
      .command(`${word} <name>`)
      .description(description)
      .action(async (name: string) => {
        const params = { path: { user: name } }
        const user = must(await session.client().PUT('/v1/users/{user}', { params, body: { disabled } }))
        session.answer(user, `${name} is ${word}d.\n`)
      })
    examples(command, `devops user ${word} bob`)
  }

  const password = group
    .command('password <name>')
    .description('set a password for a user; his sign-ins with the old one end')
    .option('--password-stdin', 'read it from stdin')
    .action(async (name: string, { passwordStdin }: Options) => {
      const password = passwordStdin ? await readAll(session.io.stdin) : await askNew(session)
      const params = { path: { user: name } }
      must(await session.client().PUT('/v1/users/{user}/password', { params, body: { password } }))
      session.answer({ user: name, changed: true }, `The password of ${name} is set.\n`)
    })
  examples(password, 'devops user password bob')

  const remove = group
    .command('remove <name>')
    .description('remove a user with his keys and tokens')
    .action(async (name: string) => {
      must(await session.client().DELETE('/v1/users/{user}', { params: { path: { user: name } } }))
      session.answer({ removed: name }, `Removed ${name}.\n`)
    })
  examples(remove, 'devops user remove bob')
}
