import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Account } from './pattern.ts'

export interface Group extends Resource {
  name: string
  system: boolean
}

export const groupKind: Kind<Group> = {
  name: 'group',
  keepsBefore: true,
  schema: Type.Object({ group: Account, system: Type.Optional(Type.Boolean()) }),
  wish: (name, { system = false }) => ({ id: `group:${name}`, name, system: system as boolean }),
  ask: (wish, questions) => void questions.groups.add(wish.name as string),
  plan(wish, state, { stale }) {
    if (state.groups.has(wish.name)) return unchanged(`group ${wish.name} is there`)
    const words = quote(['groupadd', ...(wish.system ? ['--system'] : []), '--', wish.name])
    // A package may bring it.
    const script = stale ? `getent group ${quote(wish.name)} >/dev/null || ${words}` : words
    return change(`create group ${wish.name}`, script, { creates: true })
  },
  entry: ({ name, system }) => ({ name, system }),
  remove(owned, state) {
    const name = owned.name as string
    const found = state.groups.get(name)
    if (!found) return unchanged(`group ${name} is gone`)
    const users = found.primary_of
    return change(
      users.length
        ? `remove group ${name}, unless it is still the primary group of ${users.join(', ')}`
        : `remove group ${name}`,
      `remove_group ${quote(name)}`,
    )
  },
}
