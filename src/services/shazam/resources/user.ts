import Type from 'typebox'
import type { UserFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Account, Line, Path } from './pattern.ts'

export interface User extends Resource {
  name: string
  home: string
  shell: string
  comment?: string
  system: boolean
  uid?: number
  /** Supplementary groups that it must be in; others are left alone. */
  groups: string[]
}

export const userKind: Kind<User> = {
  name: 'user',
  keepsBefore: true,
  schema: Type.Object({
    user: Account,
    home: Type.Optional(Path),
    shell: Type.Optional(Path),
    comment: Type.Optional(Line),
    system: Type.Optional(Type.Boolean()),
    uid: Type.Optional(Type.Integer({ minimum: 1 })),
    groups: Type.Optional(Type.Array(Account)),
    keep: Type.Optional(Type.Boolean()),
  }),
  wish: (
    name,
    { home = `/home/${name}`, shell = '/bin/bash', system = false, groups = [], comment, keep, uid },
  ) => ({
    id: `user:${name}`,
    name,
    home: home as string,
    shell: shell as string,
    system: system as boolean,
    groups: groups as string[],
    ...(comment === undefined ? {} : { comment: comment as string }),
    ...(uid === undefined ? {} : { uid: uid as number }),
    ...(keep ? { keep: true } : {}),
  }),
  // Its own as well: made after the user, it would be there already.
  implies: (wish) => [wish.name, ...wish.groups].map((group) => `group:${group}`),
  ask: (wish, questions) => void questions.users.add(wish.name as string),
  plan(wish, state) {
    const found = state.users.get(wish.name)
    if (!found) return change(`create user ${wish.name}`, create(wish), { creates: true })
    const { options, said } = difference(wish, found)
    if (options.length === 0) return unchanged(`user ${wish.name} is as wished`)
    return change(`user ${wish.name}: ${said.join(', ')}`, quote(['usermod', ...options, '--', wish.name]))
  },
  entry: ({ name, home, shell, system, groups, uid, comment }) => ({
    name,
    home,
    shell,
    system,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(comment === undefined ? {} : { comment }),
  }),
  remove(owned, state, purge) {
    if (!state.users.has(owned.name as string)) return unchanged(`user ${owned.name} is gone`)
    if (owned.keep && !purge)
      return { verdict: 'skipped', summary: `user ${owned.name} is kept with its home` }
    return change(`remove user ${owned.name} with its home`, `remove_user ${quote(owned.name as string)}`)
  },
}

function create(wish: User): string {
  const options = ['--create-home', '--home-dir', wish.home, '--shell', wish.shell]
  if (wish.comment !== undefined) options.push('--comment', wish.comment)
  if (wish.system) options.push('--system')
  if (wish.uid !== undefined) options.push('--uid', String(wish.uid))
  if (wish.groups.length) options.push('--groups', wish.groups.join(','))
  return `group=\nif getent group ${quote(wish.name)} >/dev/null; then group='-N -g '${quote(wish.name)}; fi\nuseradd $group ${quote([...options, '--', wish.name])}`
}

function difference(wish: User, found: UserFact): { options: string[]; said: string[] } {
  const options: string[] = []
  const said: string[] = []
  const set = (option: string, was: string, is: string) => {
    options.push(option, is)
    said.push(`${option.slice(2)} ${was || 'none'} -> ${is}`)
  }
  if (wish.uid !== undefined && found.uid !== wish.uid) set('--uid', String(found.uid), String(wish.uid))
  if (found.home !== wish.home) set('--home', found.home, wish.home)
  if (found.shell !== wish.shell) set('--shell', found.shell, wish.shell)
  if (wish.comment !== undefined && found.comment !== wish.comment)
    set('--comment', found.comment, wish.comment)
  const missing = wish.groups.filter((group) => !found.groups.includes(group))
  if (missing.length) options.push('--append')
  if (missing.length) set('--groups', found.groups.join(','), missing.join(','))
  return { options, said }
}
