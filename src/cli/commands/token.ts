import type { Command } from 'commander'
import { oneOf } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { show } from './list.ts'

const scopes = ['read', 'write', 'admin'] as const

interface Options {
  scope?: string
  repo?: string
  user?: string
  days?: string
  json?: boolean
}

export function token(program: Command, session: Session): void {
  const group = program.command('token').description('tokens for programs and for `devops login`')
  examples(group, 'devops token add laptop')
  const whose = async ({ user }: Options) => user ?? (await session.me())

  const add = group
    .command('add <title>')
    .description('make a token, shown this once; with `--repo` it opens that repository only')
    .option('--days <n>', 'how long it lasts; for ever when absent')
    .option('--scope <scope>', `what it is for: ${scopes.join(', ')}`, 'admin')
    .option('--user <name>', 'another user, as an administrator')
    .action(async (title: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const scope = oneOf('scope', options.scope ?? 'admin', scopes)
      const days = Number(options.days ?? 1)
      if (!Number.isInteger(days) || days < 1)
        throw wrongUsage(`--days is a number of days, not \`${options.days}\`.`)
      const user = await whose(options)
      const made = must(
        await session.client().POST('/v1/users/{user}/tokens', {
          params: { path: { user } },
          body: {
            title,
            scope,
            // Only when it is named: the folder in which one happens to be says nothing about a token.
            ...(options.repo ? { repo: session.repo(options.repo).id } : {}),
            ...(options.days ? { expires_in: days * 86_400 } : {}),
          },
        }),
      )
      session.note('Keep it: it is not shown again.\n')
      session.answer(made, `${made.token}\n`)
    })
  examples(add, 'devops token add laptop --days 90', 'devops token add deploys --scope write --repo ann/shop')

  const list = group
    .command('list')
    .description('tokens of yours, without their values')
    .option('--user <name>', 'another user, as an administrator')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const user = await whose(options)
      const all = must(await session.client().GET('/v1/users/{user}/tokens', { params: { path: { user } } }))
      const row = (one: (typeof all)[number]) => [
        one.id,
        printable(one.title),
        `${one.scope}${one.repo ? ` of ${one.repo}` : ''}`,
        ago(one.created_at, session.now()),
        one.used_at === null ? 'never' : ago(one.used_at, session.now()),
        one.expires_at === null ? 'never' : new Date(one.expires_at).toISOString().slice(0, 10),
      ]
      show(
        session,
        options,
        all,
        ['id', 'title', 'scope', 'made', 'used', 'expires'],
        row,
        `${user} has no tokens.`,
      )
    })
  examples(list, 'devops token list')

  const revoke = group
    .command('revoke <id>')
    .description('revoke a token: what is open with it ends')
    .option('--user <name>', 'another user, as an administrator')
    .action(async (id: string, options: Options) => {
      const user = await whose(options)
      must(await session.client().DELETE('/v1/users/{user}/tokens/{id}', { params: { path: { user, id } } }))
      session.answer({ revoked: id }, `Revoked ${printable(id)}.\n`)
    })
  examples(revoke, 'devops token revoke 0abcdefgh1234567890')
}
