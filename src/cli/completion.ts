import type { Command } from 'commander'
import { levels, streams } from './logs/filter.ts'
import { must, type Repo, type Session } from './session.ts'
import { commandAt, optionValue, repoOption } from './usage.ts'

/** What may stand at a place of a line, and what it is, in a few words. */
export type Candidate = readonly [word: string, note?: string]

/** Instead of words: the shell completes names of files. */
export const FILES: Candidate = [':files']

/** Milliseconds that a prompt may wait for the platform. */
const PATIENCE = 1000

/** What may come at the last of the words, which may be begun or empty. Never throws: a prompt has no room for errors. */
export async function complete(
  program: Command,
  session: Session,
  words: readonly string[],
): Promise<Candidate[]> {
  try {
    const found = await candidates(program, session, words)
    const begun = words.at(-1) ?? ''
    // Only what a shell takes as it is.
    return found.filter(
      ([word, ...more]) =>
        (word === FILES[0] && more.length === 0) || (word.startsWith(begun) && /^[\w./@=-]+$/.test(word)),
    )
  } catch {
    return []
  }
}

async function candidates(
  program: Command,
  session: Session,
  words: readonly string[],
): Promise<Candidate[]> {
  const before = words.slice(0, -1)
  const begun = words.at(-1) ?? ''
  if (before.includes('--')) return []
  const { command, rest } = commandAt(program, before)
  const ask: Ask = { session, words: before, rest }
  const option = optionBefore([command, program], before)
  if (option) return (await named[option.long ?? '']?.(ask)) ?? []
  if (begun.startsWith('-')) return flagsOf(command, program)
  if (rest[0] === 'help') return commandsOf(rest.slice(1).reduce(childOf, command))
  if (rest.length === 0 && command.commands.length > 0) return commandsOf(command)
  const args = command.registeredArguments
  const argument = args[rest.length] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined)
  if (!argument) return []
  const group = command.parent?.name()
  const places = [
    `${group} ${command.name()} ${argument.name()}`,
    `${group} ${argument.name()}`,
    argument.name(),
  ]
  const place = places.find((each) => named[each])
  return (place && (await named[place]?.(ask))) || []
}

const childOf = (command: Command, word: string): Command =>
  command.commands.find((each) => each.name() === word) ?? command

/** The option whose value is being written. */
const optionBefore = (commands: Command[], before: readonly string[]) =>
  commands
    .flatMap(({ options }) => options)
    .find(
      ({ long, short, required }) =>
        required && before.length > 0 && [long, short].includes(before.at(-1) ?? ''),
    )

const commandsOf = (command: Command): Candidate[] =>
  command.commands
    .map((each): Candidate => [each.name(), each.description().split(/[:;,]/)[0]])
    .concat([['help', 'display help for command']])

const flagsOf = (command: Command, program: Command): Candidate[] =>
  [...command.options, ...program.options]
    .filter(({ long }) => command === program || long !== '--version')
    .map(({ long, description }): Candidate => [long ?? '', description.split(/[:;,]/)[0]])
    .concat([['--help', 'display help']])

interface Ask {
  session: Session
  words: readonly string[]
  /** Arguments that stand before. */
  rest: readonly string[]
}

/** The repository at hand, and how it is asked: only for as long as somebody waits at a prompt. */
function asking({ session, words }: Ask) {
  const { path }: Repo = session.repo(repoOption(words))
  return { client: session.client(), path, signal: AbortSignal.timeout(PATIENCE) }
}

const choice = (words: readonly string[]) => async (): Promise<Candidate[]> => words.map((word) => [word])
const files = async (): Promise<Candidate[]> => [FILES]

async function nodes(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/nodes', { params: { path }, signal }))
  return all.map(({ node, status }) => [node, status?.status ?? 'new'])
}

const tasksOf = async (ask: Ask) => {
  const { client, path, signal } = asking(ask)
  return must(await client.GET('/v1/repos/{owner}/{repo}/tasks', { params: { path }, signal }))
}

const tasks = async (ask: Ask): Promise<Candidate[]> =>
  (await tasksOf(ask)).map(({ task }) => [task.id, task.name ?? ''])

/** Inputs of the task that is run: `version=`. */
async function inputs(ask: Ask): Promise<Candidate[]> {
  const found = (await tasksOf(ask)).find(({ task }) => task.id === ask.rest[0])
  return Object.keys(found?.task.inputs ?? {}).map((name) => [`${name}=`])
}

async function works(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const params = { path, query: { limit: 20 } }
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/works', { params, signal }))
  return all.map(({ id, kind, task, nodes: on, state }) => [id, `${kind} ${task ?? on.join(' ')}, ${state}`])
}

async function runs(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const params = { path, query: { limit: 20 } }
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/runs', { params, signal }))
  return all.map(({ id, task, state }) => [id, `${task}, ${state}`])
}

async function variables(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/variables', { params: { path }, signal }))
  return [...new Set(all.map(({ name }) => name))].map((name) => [name])
}

async function secrets(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/secrets', { params: { path }, signal }))
  return all.map(({ name }) => [name])
}

async function repositories({ session }: Ask): Promise<Candidate[]> {
  const all = must(await session.client().GET('/v1/repos', { signal: AbortSignal.timeout(PATIENCE) }))
  return all.map(({ repo, role }) => [repo, role])
}

async function users({ session }: Ask): Promise<Candidate[]> {
  const all = must(await session.client().GET('/v1/users', { signal: AbortSignal.timeout(PATIENCE) }))
  return all.map(({ name }) => [name])
}

async function collaborators(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/collaborators', { params: { path }, signal }))
  return all.map(({ user, role }) => [user, role])
}

async function webhooks(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/webhooks', { params: { path }, signal }))
  return all.map((one) => [one.path, one.task])
}

async function deliveries(ask: Ask): Promise<Candidate[]> {
  const { client, path, signal } = asking(ask)
  const params = { path, query: { limit: 20 } }
  const all = must(await client.GET('/v1/repos/{owner}/{repo}/deliveries', { params, signal }))
  return all.map((one) => [one.id, one.path])
}

/** The user that `--user` names, or else the one who is signed in. */
async function whose({ session, words }: Ask) {
  const client = session.client()
  const signal = AbortSignal.timeout(PATIENCE)
  const user = optionValue('--user', words) ?? must(await client.GET('/v1/me', { signal })).user
  return { client, params: { path: { user } }, signal }
}

async function tokens(ask: Ask): Promise<Candidate[]> {
  const { client, ...asked } = await whose(ask)
  const all = must(await client.GET('/v1/users/{user}/tokens', asked))
  return all.map(({ id, title }) => [id, title])
}

async function credentials(ask: Ask): Promise<Candidate[]> {
  const { client, ...asked } = await whose(ask)
  const all = must(await client.GET('/v1/users/{user}/credentials', asked))
  return all.map(({ name, provider }) => [name, provider])
}

/** By the name of an argument or an option; before it, by the command and the group of commands that it stands in. */
const named: Record<string, (ask: Ask) => Promise<Candidate[]>> = {
  node: nodes,
  '--node': nodes,
  '--destroy': nodes,
  '--replace': nodes,
  task: tasks,
  '--task': tasks,
  values: inputs,
  run: runs,
  work: works,
  '--work': works,
  'var name': variables,
  'var address': variables,
  'secret name': secrets,
  'user name': users,
  '--user': users,
  '--actor': users,
  'collaborator user': users,
  'collaborator remove user': collaborators,
  'token id': tokens,
  'credential name': credentials,
  '--credential': credentials,
  'webhook path': webhooks,
  'webhook delivery': deliveries,
  '--repo': repositories,
  '--for': repositories,
  repository: repositories,
  'owner/name': repositories,
  act: choice(['start', 'stop', 'reboot']),
  shell: choice(['bash', 'zsh', 'fish']),
  '--level': choice(levels),
  '--stream': choice(streams),
  '--role': choice(['read', 'write', 'admin']),
  '--scope': choice(['read', 'write', 'admin']),
  dir: files,
  file: files,
  '--file': files,
  '--identity': files,
  '--data': files,
  '--token-file': files,
}
