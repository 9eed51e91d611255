import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { examples } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { show } from './list.ts'

interface Options {
  user?: string
  title?: string
  json?: boolean
}

export function key(program: Command, session: Session): void {
  const group = program.command('key').description('SSH keys: they open Git and the nodes that you may enter')
  examples(group, 'devops key add ~/.ssh/id_ed25519.pub')
  const whose = async ({ user }: Options) => user ?? (await session.me())

  const add = group
    .command('add [file]')
    .description('add a public key; ~/.ssh/id_ed25519.pub when absent, `-` for stdin')
    .option('--title <text>', 'what it is called')
    .option('--user <name>', 'another user, as an administrator')
    .action(async (file: string | undefined, options: Options) => {
      const text = await readKey(session, file)
      const user = await whose(options)
      const made = must(
        await session.client().POST('/v1/users/{user}/keys', {
          params: { path: { user } },
          body: { key: text, ...(options.title ? { title: options.title } : {}) },
        }),
      )
      session.answer(made, `Added ${made.fingerprint} (${printable(made.title)}) for ${user}.\n`)
    })
  examples(add, 'devops key add ~/.ssh/id_ed25519.pub --title laptop')

  const list = group
    .command('list')
    .description('SSH keys of yours')
    .option('--user <name>', 'another user, as an administrator')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const user = await whose(options)
      const all = must(await session.client().GET('/v1/users/{user}/keys', { params: { path: { user } } }))
      const row = (one: (typeof all)[number]) => [
        one.fingerprint,
        one.key.split(' ')[0] ?? '',
        printable(one.title),
        ago(one.created_at, session.now()),
      ]
      show(
        session,
        options,
        all,
        ['fingerprint', 'type', 'title', 'added'],
        row,
        `${user} has no keys: \`devops key add FILE\`.`,
      )
    })
  examples(list, 'devops key list')

  const remove = group
    .command('remove <fingerprint>')
    .description('remove a key: it leaves the nodes, too')
    .option('--user <name>', 'another user, as an administrator')
    .action(async (fingerprint: string, options: Options) => {
      const user = await whose(options)
      must(
        await session.client().DELETE('/v1/users/{user}/keys/{fingerprint}', {
          params: { path: { user, fingerprint } },
        }),
      )
      session.answer({ removed: fingerprint }, `Removed ${printable(fingerprint)}.\n`)
    })
  examples(remove, 'devops key remove SHA256:…')
}

async function readKey({ io }: Session, file?: string): Promise<string> {
  const text =
    file === '-'
      ? await readAll(io.stdin)
      : readFile(file ? resolve(io.cwd, file) : join(io.home, '.ssh/id_ed25519.pub'))
  if (text.includes('PRIVATE KEY'))
    throw wrongUsage(
      'That is a private key: it must not leave this machine.',
      'Give the file that ends in .pub.',
    )
  return text.trim()
}

export function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw wrongUsage(
      code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${code}.`,
      'Name a file that is there and that you may read.',
    )
  }
}
