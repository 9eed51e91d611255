import Type from 'typebox'
import type { PackageFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { PackageName } from './pattern.ts'

export interface Package extends Resource {
  name: string
  /** A version as apt writes it, `*` for any; may end in `*`. */
  version: string
  /** Whether apt may move it; absent: as it is. */
  hold?: boolean
}

export const packageKind: Kind<Package> = {
  name: 'package',
  keepsBefore: true,
  schema: Type.Object({
    package: PackageName,
    version: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9.+:~*-]+$', description: 'version, may end in *' }),
    ),
    hold: Type.Optional(Type.Boolean()),
    keep: Type.Optional(Type.Boolean()),
  }),
  wish: (name, { version = '*', hold, keep }) => ({
    id: `package:${name}`,
    name,
    version: version as string,
    ...(hold === undefined ? {} : { hold: hold as boolean }),
    ...(keep ? { keep: true } : {}),
  }),
  ask: (wish, questions) => void questions.packages.add(wish.name as string),
  plan(wish, state, { owned }) {
    const found = state.packages.get(wish.name)
    const installed = found?.status === 'installed'
    const hold = wish.hold ?? (owned?.hold === true ? false : undefined)
    const mark = hold === undefined || hold === (found?.held ?? false) ? '' : hold ? 'hold' : 'unhold'
    const said = mark === 'hold' ? ' and hold it' : mark ? ' and hold it no more' : ''
    const marking = mark ? `apt-mark -q ${mark} -- ${quote(wish.name)}` : ''
    if (installed && fits(found, wish.version)) {
      if (mark) return change(`package ${wish.name}: held ${found.held} -> ${hold}`, marking)
      return unchanged(`package ${wish.name} ${found.version} is installed`)
    }
    const target = wish.version === '*' ? wish.name : `${wish.name}=${wish.version}`
    const how = installed ? `change from ${found.version} to ${wish.version}` : 'install'
    const script = [`install_packages ${quote(target)}`, ...(marking ? [marking] : [])].join('\n')
    return change(`${how} package ${target}${said}`, script, { creates: !installed })
  },
  entry: ({ name, version, hold }) => ({ name, version, ...(hold === undefined ? {} : { hold }) }),
  remove(owned, state, purge) {
    const name = owned.name as string
    const found = state.packages.get(name)
    if (!found || found.status === 'not-installed') return unchanged(`package ${name} is gone`)
    if (!owned.keep || purge)
      return change(`remove package ${name} and its configuration`, `remove_package ${quote(name)}`)
    if (found.status === 'config-files')
      return {
        verdict: 'skipped',
        summary: `package ${name} is removed, its configuration and data are kept`,
      }
    return change(
      `remove package ${name}, and keep its configuration and data`,
      `remove_package ${quote(name)} keep`,
    )
  },
}

function fits(found: PackageFact, version: string): boolean {
  return version.endsWith('*') ? found.version.startsWith(version.slice(0, -1)) : found.version === version
}
