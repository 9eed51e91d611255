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
  }),
  wish: (name, { run, user = 'root', creates, unless, only_if }) => ({
    id: `command:${name}`,
    name,
    run: run as string,
    user: user as string,
    ...(creates === undefined ? {} : { creates: creates as string }),
    ...(unless === undefined ? {} : { unless: unless as string }),
    ...(only_if === undefined ? {} : { only_if: only_if as string }),
  }),
  implies: (wish) => [`user:${wish.user}`],
  ask(wish, questions) {
    if (wish.creates) questions.paths.add(wish.creates)
    if (wish.unless) questions.checks.set(`${wish.id} unless`, wish.unless)
    if (wish.only_if) questions.checks.set(`${wish.id} only_if`, wish.only_if)
  },
  plan(wish, state) {
    if (wish.creates && state.files.has(wish.creates))
      return unchanged(`${wish.name}: ${wish.creates} is there`)
    if (wish.unless && state.checks.get(`${wish.id} unless`)) return unchanged(`${wish.name}: nothing to do`)
    if (wish.only_if && !state.checks.get(`${wish.id} only_if`))
      return { verdict: 'skipped', summary: `${wish.name}: its condition does not hold` }
    const guarded = wish.creates || wish.unless || wish.only_if
    const script =
      wish.user === 'root' ? `sh -ec ${quote(wish.run)}` : `as_user ${quote([wish.user, wish.run])}`
    return { ...change(`run ${wish.name}`, script), ...(guarded ? {} : { verdict: 'unknown until it runs' }) }
  },
  /** Its text may hold anything: a digest is enough to tell that it changed. */
  entry: ({ name, run, user }) => ({
    name,
    user,
    run_sha256: createHash('sha256').update(run).digest('hex'),
  }),
}
