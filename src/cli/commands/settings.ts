import type { Command } from 'commander'
import type { Schemas } from '#client'
import { didYouMean, noSuchWord } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Repo, type Session } from '../session.ts'

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
        return options.json ? session.printJson(all) : session.print(tableOf(session, all, described))
      }
      const known = settingNamed(name, described)
      if (value === undefined) {
        const all = must(await client.GET('/v1/repos/{owner}/{repo}/settings', params))
        return options.json ? session.printJson(all[known]) : session.print(`${shown(all[known])}\n`)
      }
      const body = { [known]: typedValue(known, described[known], value) }
      const all = must(await client.PUT('/v1/repos/{owner}/{repo}/settings', { ...params, body }))
      session.answer(all, `${known} of ${id} is ${shown(all[known])}.\n`)
      if (known === 'approval_required') await noteStrangers(session, { id, path }, all[known])
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

/** A task may be named before it is pushed; one that is misspelt would never be held back. */
async function noteStrangers(session: Session, { id, path }: Repo, given: readonly string[]): Promise<void> {
  const tasks = must(await session.client().GET('/v1/repos/{owner}/{repo}/tasks', { params: { path } }))
  const names = tasks.map(({ task }) => task.id)
  for (const name of given)
    if (!name.includes('*') && !names.includes(name))
      session.note(`${id} has no task ${name} yet${didYouMean(name, names) || '.'}\n`)
}

type Described = Record<Name, { type?: string; description?: string }>

/** Loaded here alone: the library of schemas takes longer to load than most commands take to run. */
const describeSettings = async (): Promise<Described> =>
  (await import('#contracts/settings.ts')).Settings.properties as Described

const tableOf = (session: Session, all: Schemas['Settings'], described: Described): string =>
  session.table(
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
  throw noSuchWord('setting', name, Object.keys(described))
}

/** What is neither a number nor a truth value is sent as it is: the server says what would be right. */
function typedValue(name: Name, { type }: Described[Name], text: string): unknown {
  if (type === 'integer') {
    if (/^-?\d+$/.test(text)) return Number(text)
    throw wrongUsage(`${name} is a whole number, not \`${text}\`.`)
  }
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true'
  if (type === 'array') return text.split(',').filter(Boolean)
  return text
}
