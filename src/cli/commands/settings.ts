import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { table } from '../text.ts'

type Name = keyof Schemas['Settings']

export function settings(group: Command, session: Session): void {
  const command = group
    .command('settings [name] [value]')
    .description('show the settings of a repository, or one of them, or change one')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, value: string | undefined, _, self: Command) => {
      const options = optionsOf<{ json?: boolean }>(self)
      const { id, path } = session.repo(options.repo)
      const params = { params: { path } }
      const client = session.client()
      const described = await describeSettings()
      if (name === undefined) {
        const all = must(await client.GET('/v1/repos/{owner}/{repo}/settings', params))
        return options.json ? session.printJson(all) : session.print(tableOf(all, described))
      }
      const known = settingNamed(name, described)
      if (value === undefined) {
        const all = must(await client.GET('/v1/repos/{owner}/{repo}/settings', params))
        return options.json ? session.printJson(all[known]) : session.print(`${shown(all[known])}\n`)
      }
      const body = { [known]: typedValue(described[known], value) }
      const all = must(await client.PUT('/v1/repos/{owner}/{repo}/settings', { ...params, body }))
      if (options.json) return session.printJson(all)
      session.print(`${known} of ${id} is ${shown(all[known])}.\n`)
    })
  examples(
    command,
    'devops repo settings',
    'devops repo settings branch production',
    'devops repo settings destroy allow',
    "devops repo settings approval_required 'deploy,prod-*'",
    "devops repo settings approval_required ''",
  )
}

type Described = Record<Name, { type?: string; description?: string }>

/** Loaded here alone: the library of schemas takes longer to load than most commands take to run. */
const describeSettings = async (): Promise<Described> =>
  (await import('#contracts/settings.ts')).Settings.properties as Described

const tableOf = (all: Schemas['Settings'], described: Described): string =>
  table(
    ['setting', 'value', 'what it is'],
    (Object.keys(described) as Name[]).map((name) => [
      name,
      shown(all[name]),
      described[name].description ?? '',
    ]),
  )

const shown = (value: unknown): string => (Array.isArray(value) ? value.join(',') || 'none' : String(value))

function settingNamed(name: string, described: Described): Name {
  if (Object.hasOwn(described, name)) return name as Name
  throw wrongUsage(`There is no setting \`${name}\`.`, `There are: ${Object.keys(described).join(', ')}.`)
}

/** What is neither a number nor a truth value is sent as it is: the server says what would be right. */
function typedValue({ type }: Described[Name], text: string): unknown {
  if (type === 'integer' && /^-?\d+$/.test(text)) return Number(text)
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true'
  if (type === 'array') return text.split(',').filter(Boolean)
  return text
}
