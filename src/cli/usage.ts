import type { Command, CommanderError } from 'commander'
import { nearest } from '#language/nearest.ts'
import { didYouMean } from './choice.ts'
import { type Failure, wrongUsage } from './failure.ts'
import { must, type Session } from './session.ts'

/** `devops list nodes` */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

/** What the words of a line lead to, and the words that are left. Words of options are skipped. */
export function commandAt(program: Command, argv: readonly string[]): { command: Command; rest: string[] } {
  let command = program
  const rest: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') break
    if (word.startsWith('-')) {
      if (takesValue([command, program], word)) i++
      continue
    }
    const child = rest.length === 0 ? childOf(command, word) : undefined
    if (child) command = child
    else rest.push(word)
  }
  return { command, rest }
}

const childOf = (command: Command, word: string): Command | undefined =>
  command.commands.find((each) => each.name() === word)

const takesValue = (commands: Command[], word: string): boolean =>
  commands.some(({ options }) =>
    options.some(({ long, short, required }) => (word === long || word === short) && required),
  )

/** The command that `help` is asked of, in `devops help list nodes` and `devops list help`; undefined: no help is asked. */
export function helpAsked(program: Command, argv: readonly string[]): Command | undefined {
  const { command, rest } = commandAt(program, argv)
  if (rest[0] !== 'help' || command.commands.length === 0) return undefined
  return rest.slice(1).reduce<Command>((at, word) => {
    const child = childOf(at, word)
    if (!child) throw unknownCommand(at, word)
    return child
  }, command)
}

function unknownCommand(parent: Command, word: string, task?: string): Failure {
  const names = parent.commands.map((each) => each.name())
  const near = nearest(word, names)
  const name = parent.parent ? `${pathOf(parent)} ${word}` : word
  const hint = near === undefined ? '.' : `, did you mean \`${pathOf(parent)} ${near}\`?`
  const below = near === undefined ? namesakes(parent, word) : []
  const next = task
    ? `There is a task ${task}: \`devops run ${task}\`.`
    : below.length > 0
      ? `There is ${below.map((path) => `\`${path}\``).join(', ')}.`
      : `\`${pathOf(parent)} --help\` shows what there is.`
  return wrongUsage(`There is no command \`${name}\`${hint}`, next)
}

/** Commands of this name in other places: `devops nodes` means `devops list nodes`. */
const namesakes = (parent: Command, word: string): string[] =>
  parent.commands.flatMap((each) => [
    ...(each.name() === word ? [pathOf(each)] : []),
    ...namesakes(each, word),
  ])

/** A refusal of the parser as a sentence of ours, with the nearest word and what to do. */
export async function explainUsage(
  { code, message }: CommanderError,
  program: Command,
  session: Session,
): Promise<Failure> {
  const { command, rest } = commandAt(program, session.argv)
  const help = `\`${pathOf(command)} --help\` shows what there is.`
  const [, word = ''] = /'([^']*)'/.exec(message) ?? []
  switch (code) {
    case 'commander.unknownCommand':
      return unknownCommand(command, word, command.parent ? undefined : await taskLike(session, word))
    case 'commander.unknownOption': {
      const flags = [...command.options, ...program.options].flatMap(({ long }) => long ?? [])
      const near = nearest(word, [...flags, '--help'])
      return wrongUsage(
        `\`${pathOf(command)}\` has no option ${word}${near === undefined ? '.' : `, did you mean ${near}?`}`,
        help,
      )
    }
    case 'commander.missingArgument':
      return wrongUsage(`\`${pathOf(command)}\` needs ${word.toUpperCase()}.`, help)
    case 'commander.excessArguments': {
      const takes = command.registeredArguments.length
      const near =
        didYouMean(
          rest[takes] ?? '',
          command.commands.map((one) => one.name()),
        ) || '.'
      return wrongUsage(
        `\`${pathOf(command)}\` does not know what to do with ${rest.slice(takes).join(' ')}${near}`,
        help,
      )
    }
    case 'commander.optionMissingArgument':
      return wrongUsage(`${word} needs a value.`, help)
    case 'commander.missingMandatoryOptionValue':
      return wrongUsage(`\`${pathOf(command)}\` needs ${word}.`, help)
    default:
      return wrongUsage(message.replace(/^error: /, ''), help)
  }
}

/** Milliseconds that a hint is worth. */
const PATIENCE = 2000

/** The task of the repository at hand that was perhaps meant. Whoever is not signed in, or has no repository, gets none. */
async function taskLike(session: Session, word: string): Promise<string | undefined> {
  try {
    const { path } = session.repo(repoOption(session.argv))
    const signal = AbortSignal.timeout(PATIENCE)
    const all = must(
      await session.client().GET('/v1/repos/{owner}/{repo}/tasks', { params: { path }, signal }),
    )
    const names = all.map(({ task }) => task.id)
    return names.includes(word) ? word : nearest(word, names)
  } catch {
    // A hint that cannot be had is none: the refusal itself stands.
    return undefined
  }
}

/** The value of `--repo`, wherever it stands. */
export const repoOption = (argv: readonly string[]): string | undefined => optionValue('--repo', argv)

/** The value of an option in a line, as `--name value` or `--name=value`. */
export function optionValue(name: string, argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === name || word.startsWith(`${name}=`))
  return at < 0 ? undefined : (argv[at]?.split('=')[1] ?? argv[at + 1])
}
