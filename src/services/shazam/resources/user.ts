import Type from 'typebox'
import type { UserFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { listed } from './directory.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'
import { Account, Line, Path } from './pattern.ts'

/** Keys that are absent are not managed: a user that exists keeps what it has, a new one gets what is usual. */
export interface User extends Resource {
  name: string
  home?: string
  shell?: string
  comment?: string
  system: boolean
  uid?: number
}

const managed = ['uid', 'home', 'shell', 'comment'] as const
type Attributes = Partial<Pick<User, (typeof managed)[number]>>

/** `groups` become items of their own: see `composite-user.ts`. */
export const userKind: Kind<User> = {
  name: 'user',
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
  wish: (name, { system = false, keep, ...item }) => ({
    id: `user:${name}`,
    name,
    system: system as boolean,
    ...written(item),
    ...(keep ? { keep: true } : {}),
  }),
  // Its own group: made after the user, it would be there already.
  implies: (wish) => [`group:${wish.name}`],
  ask: (wish, questions) => void questions.users.add(wish.name as string),
  plan(wish, state, { owned }) {
    const found = state.users.get(wish.name)
    if (!found) return change(`create user ${wish.name}`, create(wish), { creates: true })
    const target = { ...(owned ? formerOf(owned, found, wish) : {}), ...written(wish) }
    return adjust(wish.name, found, target) ?? unchanged(`user ${wish.name} is as described`)
  },
  before({ name }, state) {
    const found = state.users.get(name)
    return found && written(found)
  },
  entry: (wish) => ({ name: wish.name, system: wish.system, ...written(wish) }),
  remove(owned, state, purge, inside) {
    const name = owned.name as string
    const found = state.users.get(name)
    if (!found) return unchanged(`user ${name} is gone`)
    if (owned.present_before) {
      const given = adjust(name, found, formerOf(owned, found))
      return given ?? { verdict: 'skipped', summary: `user ${name} was there before us, and stays` }
    }
    if (owned.keep && !purge) return { verdict: 'skipped', summary: `user ${name} is kept with its home` }
    const spared = inside.length > 0 ? `, but ${listed(inside)}` : ''
    return change(`remove user ${name} with its home${spared}`, `remove_user ${quote(name)}`)
  },
}

const written = (of: object): Attributes =>
  Object.fromEntries(
    managed.flatMap((key) => {
      const value = (of as Attributes)[key]
      return value === undefined ? [] : [[key, value]]
    }),
  )

/** What we changed and is not described any more, as it was before us. What somebody has changed since is theirs. */
function formerOf(owned: Entry, found: UserFact, wish: Attributes = {}): Attributes {
  const before = (owned.before ?? {}) as Attributes
  const ours = managed.filter(
    (key) => wish[key] === undefined && owned[key] !== undefined && owned[key] === found[key],
  )
  return Object.fromEntries(ours.flatMap((key) => (before[key] === undefined ? [] : [[key, before[key]]])))
}

function create(wish: User): string {
  const { name, home = `/home/${name}`, shell = '/bin/bash' } = wish
  const options = ['--create-home', '--home-dir', home, '--shell', shell]
  if (wish.comment !== undefined) options.push('--comment', wish.comment)
  if (wish.system) options.push('--system')
  if (wish.uid !== undefined) options.push('--uid', String(wish.uid))
  return `group=\nif getent group ${quote(name)} >/dev/null; then group='-N -g '${quote(name)}; fi\nmake_above ${quote(home)}\nuseradd $group ${quote([...options, '--', name])}`
}

/** Undefined: it has all of the target already. */
function adjust(name: string, found: UserFact, target: Attributes) {
  const keys = managed.filter((key) => target[key] !== undefined && target[key] !== found[key])
  if (keys.length === 0) return undefined
  const said = keys.map((key) => `${key} ${found[key] === '' ? 'none' : found[key]} -> ${target[key]}`)
  const options = keys.filter((key) => key !== 'home').flatMap((key) => [`--${key}`, String(target[key])])
  const lines = [
    ...(options.length ? [quote(['usermod', ...options, '--', name])] : []),
    ...(keys.includes('home') ? [`move_home ${quote([name, found.home, target.home ?? ''])}`] : []),
  ]
  return change(`user ${name}: ${said.join(', ')}`, lines.join('\n'))
}
