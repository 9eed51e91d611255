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
      Type.String({ pattern: '^[A-Za-z0-9.+:~*-]+$', description: 'version in quotes, may end in *' }),
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
  ask(wish, questions) {
    questions.packages.add(wish.name as string)
    if (wish.keep) questions.paths.add(keptNote(wish.name as string))
  },
  plan(wish, state, { owned }) {
    const found = state.packages.get(wish.name)
    const held = found?.held ?? false
    const hold = wish.hold ?? (owned?.hold === true ? false : held)
    const mark = `apt-mark -q ${hold ? 'hold' : 'unhold'} -- ${quote(wish.name)}`
    if (found?.status === 'installed' && fits(found, wish.version))
      return hold === held
        ? unchanged(`package ${wish.name} ${found.version} is installed`)
        : change(`package ${wish.name}: held ${held} -> ${hold}`, mark)
    const target = wish.version === '*' ? wish.name : `${wish.name}=${wish.version}`
    const installed = found?.status === 'installed'
    const how = installed ? `change from ${found.version} to ${wish.version}` : 'install'
    const said = hold === held ? '' : hold ? ' and hold it' : ' and hold it no more'
    // An installation by name takes the mark away.
    const script = [`install_packages ${quote(target)}`, ...(hold ? [mark] : [])].join('\n')
    return change(`${how} package ${target}${said}`, script, { creates: !installed })
  },
  entry: ({ name, version, hold }) => ({ name, version, ...(hold === undefined ? {} : { hold }) }),
  remove(owned, state, purge) {
    const name = owned.name as string
    const found = state.packages.get(name)
    const left = state.files.has(keptNote(name))
    const gone = !found || found.status === 'not-installed'
    if (gone && !left) return unchanged(`package ${name} is gone`)
    if (!owned.keep || purge)
      return change(`remove package ${name} and its configuration`, `remove_package ${quote(name)}`)
    if (gone || found.status === 'config-files')
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

/** On the node: dependencies of a removed package whose configuration and data were kept with its own. */
const keptNote = (name: string) => `/var/lib/devops/kept/${name}`

function fits(found: PackageFact, version: string): boolean {
  return version.endsWith('*') ? found.version.startsWith(version.slice(0, -1)) : found.version === version
}
