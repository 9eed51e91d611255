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
  plan(wish, state) {
    if (state.groups.has(wish.name)) return unchanged(`group ${wish.name} is there`)
    const words = ['groupadd', ...(wish.system ? ['--system'] : []), '--', wish.name]
    return change(`create group ${wish.name}`, quote(words), { creates: true })
  },
  entry: ({ name, system }) => ({ name, system }),
  remove(owned, state) {
    if (!state.groups.has(owned.name as string)) return unchanged(`group ${owned.name} is gone`)
    const name = quote(owned.name as string)
    // With a user of the same name it may have left already.
    return change(
      `remove group ${owned.name}`,
      `if getent group ${name} >/dev/null; then groupdel -- ${name}; fi`,
    )
  },
}
