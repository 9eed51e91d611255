import { createHash } from 'node:crypto'
import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Account, Line, Path } from './pattern.ts'

export interface Command extends Resource {
  name: string
  run: string
  user: string
  creates?: string
  unless?: string
  only_if?: string
  data?: string
}

export const commandKind: Kind<Command> = {
  name: 'command',
  schema: Type.Object({
    command: Line,
    run: Type.String({ minLength: 1 }),
    user: Type.Optional(Account),
    creates: Type.Optional(Path),
    unless: Type.Optional(Type.String({ minLength: 1 })),
    only_if: Type.Optional(Type.String({ minLength: 1 })),
    data: Type.Optional(Path),
  }),
  wish: (name, { run, user = 'root', creates, unless, only_if, data }) => ({
    id: `command:${name}`,
    name,
    run: run as string,
    user: user as string,
    ...(creates === undefined ? {} : { creates: creates as string }),
    ...(unless === undefined ? {} : { unless: unless as string }),
    ...(only_if === undefined ? {} : { only_if: only_if as string }),
    ...(data === undefined ? {} : { data: data as string }),
  }),
  implies: (wish) => [`user:${wish.user}`],
  ask(wish, questions) {
    const { id, user, creates, unless, only_if } = wish as Command
    if (creates) questions.paths.add(creates)
    if (unless) questions.checks.set(`${id} unless`, asUser(user, unless))
    if (only_if) questions.checks.set(`${id} only_if`, asUser(user, only_if))
    if (user && user !== 'root') questions.users.add(user)
  },
  plan(wish, state, { stale }) {
    const { id, name, user, creates, unless, only_if } = wish
    if (creates && state.files.has(creates)) return unchanged(`${name}: ${creates} is there`)
    // What a guard said then may not hold when the turn comes: it is asked again on the node.
    const late = (guard: string) => state.late.has(`${id} ${guard}`)
    const doubtful = stale || (user !== 'root' && !state.users.has(user))
    const done = unless && state.checks.get(`${id} unless`)
    const barred = only_if && !state.checks.get(`${id} only_if`)
    if (done && !stale) return unchanged(`${name}: nothing to do`)
    if (barred && !doubtful && !late('only_if'))
      return { verdict: 'skipped', summary: `${name}: its condition does not hold` }
    const guards = [
      ...(unless && (done || late('unless')) ? [`! ${quietly(user, unless)} || exit 77`] : []),
      ...(only_if && barred ? [`${quietly(user, only_if)} || exit 77`] : []),
    ]
    const script = [...guards, running(user, wish.run)].join('\n')
    const known = (creates || unless || only_if) && guards.length === 0
    return { ...change(`run ${name}`, script), ...(known ? {} : { verdict: 'unknown until it runs' }) }
  },
  /** Its text may hold anything: a digest is enough to tell that it changed. */
  entry: ({ name, run, user }) => ({
    name,
    user,
    run_sha256: createHash('sha256').update(run).digest('hex'),
  }),
}

/** In a look, where nothing of our own is at hand: by its environment, which nobody else reads. As in an apply: a shell of its login, in its home. */
const asUser = (user: string, line: string) =>
  user === 'root'
    ? line
    : `devops_run=${quote(line)} runuser -w devops_run -s /bin/sh -l -- ${quote(user)} -c 'text=$devops_run; unset devops_run; eval "$text"'`

const running = (user: string, lines: string) =>
  user === 'root' ? `run_text ${quote(lines)}` : `as_user ${quote([user, lines])}`

const quietly = (user: string, line: string) => `(${asUser(user, `${line}`)}) >/dev/null 2>&1`
