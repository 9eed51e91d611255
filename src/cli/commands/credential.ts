import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Schemas } from '#client'
import { collect, examples } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { createPrompt } from '../prompt.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { readFile } from './key.ts'
import { show } from './list.ts'

type Credential = Schemas['Credential']

interface Options {
  provider: string
  field?: string[]
  file?: string[]
  for?: string[]
  user?: string
  json?: boolean
}

const OTHER = ['--user <name>', 'another user, as an administrator'] as const

export function credential(program: Command, session: Session): void {
  const group = program
    .command('credential')
    .description('what opens a provider; nodes name it as `provider.credential`')
  examples(
    group,
    'devops credential set farm --provider docker --field address=tcp://engine.example.org:2376',
  )
  const whose = async ({ user }: Options) => user ?? (await session.me())
  const paths = async (name: string, options: Options) => ({
    path: { user: await whose(options), name },
  })

  const set = group
    .command('set <name>')
    .description('set a credential, once the provider has taken it; it can never be read again')
    .requiredOption('--provider <name>', 'docker')
    .option('--field <name=value>', 'a field; without a value it is asked and not shown; repeatable', collect)
    .option('--file <name=path>', 'a field out of a file; repeatable', collect)
    .option('--for <owner/name>', 'only for nodes of this repository; repeatable', collect)
    .option(...OTHER)
    .action(async (name: string, options: Options) => {
      const body = {
        provider: options.provider,
        fields: await fieldsOf(session, options),
        ...(options.for && { repos: options.for }),
      }
      const params = await paths(name, options)
      const made = must(await session.client().PUT('/v1/users/{user}/credentials/{name}', { params, body }))
      session.answer(made, `Set credential ${made.name}: ${saying(made)}\n`)
    })
  examples(
    set,
    'devops credential set farm --provider docker --field address=tcp://engine.example.org:2376 --file ca=ca.pem --file cert=cert.pem --file key=key.pem',
  )

  const list = group
    .command('list')
    .description('credentials of yours, without their values')
    .option(...OTHER)
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const user = await whose(options)
      const params = { path: { user } }
      const all = must(await session.client().GET('/v1/users/{user}/credentials', { params }))
      const row = (one: Credential) => [
        one.name,
        printable(one.provider),
        one.fields.join(', '),
        one.repos.length === 0 ? 'all' : one.repos.join(', '),
        one.checked_at === null ? 'never' : ago(one.checked_at, session.now()),
        one.used_at === null ? 'never' : ago(one.used_at, session.now()),
      ]
      const headings = ['name', 'provider', 'fields', 'repositories', 'checked', 'used'] as const
      show(session, options, all, headings, row, `${user} has no credentials.`)
    })
  examples(list, 'devops credential list')

  const check = group
    .command('check <name>')
    .description('ask the provider whether it still takes a credential')
    .option(...OTHER)
    .action(async (name: string, options: Options) => {
      const params = await paths(name, options)
      const found = must(await session.client().POST('/v1/users/{user}/credentials/{name}/check', { params }))
      session.answer(found, `${found.name}: ${saying(found)}\n`)
    })
  examples(check, 'devops credential check farm')

  const unset = group
    .command('unset <name>')
    .description('remove a credential by which no server was made')
    .option(...OTHER)
    .action(async (name: string, options: Options) => {
      const params = await paths(name, options)
      must(await session.client().DELETE('/v1/users/{user}/credentials/{name}', { params }))
      session.answer({ removed: name }, `Removed credential ${printable(name)}.\n`)
    })
  examples(unset, 'devops credential unset farm')
}

const saying = ({ provider, said }: Credential): string =>
  printable(
    said === null ? `provider ${provider} cannot be asked.` : `provider ${provider} takes it (${said}).`,
  )

async function fieldsOf(
  session: Session,
  { field = [], file = [] }: Options,
): Promise<Record<string, string>> {
  const fields: Record<string, string> = {}
  for (const one of file) {
    const [name, path] = split(one)
    if (path === undefined) throw wrongUsage('--file is written as NAME=PATH.')
    fields[name] = readFile(resolve(session.io.cwd, path))
  }
  const asked = field.filter((one) => split(one)[1] === undefined)
  for (const one of field) {
    const [name, value] = split(one)
    if (value !== undefined) fields[name] = value
  }
  if (asked.length === 0) return fields
  const prompt = createPrompt(session.io.stdin, session.io.stderr)
  try {
    for (const name of asked) fields[name] = await prompt.askSecret(name)
  } finally {
    prompt.close()
  }
  return fields
}

function split(text: string): [name: string, value?: string] {
  const at = text.indexOf('=')
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
