import Type from 'typebox'
import type { PackageFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { PackageName } from './pattern.ts'

export interface Package extends Resource {
  name: string
  /** A version as apt writes it, `*` for any; may end in `*`. */
  version: string
}

export const packageKind: Kind<Package> = {
  name: 'package',
  keepsBefore: true,
  schema: Type.Object({
    package: PackageName,
    version: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9.+:~*-]+$' })),
  }),
  wish: (name, { version = '*' }) => ({ id: `package:${name}`, name, version: version as string }),
  ask: (wish, questions) => void questions.packages.add(wish.name as string),
  plan(wish, state) {
    const found = state.packages.get(wish.name)
    if (found?.status === 'installed' && fits(found, wish.version))
      return unchanged(`package ${wish.name} ${found.version} is installed`)
    const target = wish.version === '*' ? wish.name : `${wish.name}=${wish.version}`
    const how = found?.status === 'installed' ? `change from ${found.version} to ${wish.version}` : 'install'
    return change(`${how} package ${target}`, `install_packages ${quote(target)}`, {
      creates: found?.status !== 'installed',
    })
  },
  entry: ({ name, version }) => ({ name, version }),
  remove(owned, state) {
    const found = state.packages.get(owned.name as string)
    if (!found || found.status === 'not-installed') return unchanged(`package ${owned.name} is gone`)
    return change(
      `remove package ${owned.name} and its configuration`,
      `remove_package ${quote(owned.name as string)}`,
    )
  },
}

function fits(found: PackageFact, version: string): boolean {
  return version.endsWith('*') ? found.version.startsWith(version.slice(0, -1)) : found.version === version
}
