import Type from 'typebox'
import { plainName } from '../facts/package.ts'
import type { PackageFact, State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Entry, type Kind, type Resource, type Step, unchanged } from './kind.ts'
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
    questions.texts.add(BROUGHT)
    if (wish.keep) questions.paths.add(keptNote(wish.name as string))
  },
  plan(wish, state, { owned }) {
    const found = state.packages.get(wish.name)
    if (found?.by && fits(found, wish.version))
      return unchanged(`package ${wish.name} is provided by ${found.by.join(', ')}`)
    const held = found?.held ?? false
    const hold = wish.hold ?? (owned?.hold === true ? false : held)
    const mark = `apt-mark -q ${hold ? 'hold' : 'unhold'} -- ${quote(wish.name)}`
    if (found?.status === 'installed' && !found.by && fits(found, wish.version))
      return marks(wish, found, hold, mark)
    const target = wish.version === '*' ? wish.name : `${wish.name}=${wish.version}`
    const installed = found?.status === 'installed' && !found.by
    const how = installed ? `change from ${found.version} to ${wish.version}` : 'install'
    const said = hold === held ? '' : hold ? ' and hold it' : ' and hold it no more'
    // An installation by name takes the mark away.
    const script = [`install_packages ${quote(target)}`, ...(hold ? [mark] : [])].join('\n')
    return change(`${how} package ${target}${said}`, script, { creates: !installed })
  },
  brought: ({ name }, state) => realPackages(name, state).some((real) => broughtOf(state).has(real)),
  before({ name }, state) {
    const found = state.packages.get(name)
    return found?.status === 'installed' && !found.by ? { auto: found.auto, held: found.held } : undefined
  },
  entry: ({ name, version, hold }) => ({ name, version, ...(hold === undefined ? {} : { hold }) }),
  remove(owned, state, purge) {
    const name = owned.name as string
    if (isTheirs(owned, state)) return givenBack(owned, state)
    const found = state.packages.get(name)
    const left = state.files.has(keptNote(name))
    const gone = !found || found.status === 'not-installed'
    if (gone && !left) return unchanged(`package ${name} is gone`)
    const config = gone || found.status === 'config-files'
    const keep = owned.keep === true && !purge
    if (keep && config)
      return {
        verdict: 'skipped',
        summary: `package ${name} is removed, its configuration and data are kept`,
      }
    if (found?.by && state.removals === undefined)
      return {
        verdict: 'skipped',
        summary: `package ${name} is provided by ${found.by.join(', ')}, which stays`,
      }
    if (!config && state.removals) return taken(name, state, keep)
    return removed(name, [name], state, keep)
  },
}

/** Installed by itself, or in place of a name that is no package. */
function marks({ name }: Package, found: PackageFact, hold: boolean, mark: string): Step {
  const lines = [
    ...(found.auto ? [`apt-mark -q manual -- ${quote(name)}`] : []),
    ...(hold === found.held ? [] : [mark]),
  ]
  if (lines.length === 0) return unchanged(`package ${name} ${found.version} is installed`)
  const said = [
    ...(found.auto ? ['a dependency -> wanted for itself'] : []),
    ...(hold === found.held ? [] : [`held ${found.held} -> ${hold}`]),
  ]
  return change(`package ${name}: ${said.join(', ')}`, lines.join('\n'), { first: true })
}

/** Who stands on the node for a name: itself, or those that provide it and came with us. */
export function realPackages(name: string, state: State): string[] {
  const found = state.packages.get(name)
  if (!found || ['not-installed', 'config-files'].includes(found.status)) return []
  if (!found.by) return [plainName(name, state)]
  return found.by.filter((each) => broughtOf(state).has(each) && !state.autos.has(each))
}

/** It was there before us. What had come as a dependency of ours was not. */
export const isTheirs = (entry: Entry, state: State): boolean =>
  entry.present_before === true &&
  !realPackages(String(entry.name), state).some((one) => broughtOf(state).has(one))

/** What was there before us gets its marks back. */
function givenBack({ name, before, hold }: Entry, state: State): Step {
  const found = state.packages.get(String(name))
  const stays: Step = { verdict: 'skipped', summary: 'it was there before us, and stays' }
  if (found?.status !== 'installed' || found.by || !before) return stays
  const auto = before.auto === true && !found.auto
  const held = hold !== undefined && typeof before.held === 'boolean' && before.held !== found.held
  if (!auto && !held) return stays
  const lines = [
    ...(auto ? [`apt-mark -q auto -- ${quote(String(name))}`] : []),
    ...(held ? [`apt-mark -q ${before.held ? 'hold' : 'unhold'} -- ${quote(String(name))}`] : []),
  ]
  const said = [
    ...(auto ? ['wanted for itself -> a dependency'] : []),
    ...(held ? [`held ${found.held} -> ${before.held}`] : []),
  ]
  return change(`package ${name}, as it was before: ${said.join(', ')}`, lines.join('\n'))
}

/** As apt has said: what something that stays needs, stays as its dependency. */
function taken(name: string, state: State, keep: boolean): Step {
  const { leave = [], blocked = new Map<string, string[]>() } = state.removals ?? {}
  const names = realPackages(name, state)
  const by = names.flatMap((each) => blocked.get(each) ?? [])
  const leaves = names.filter((each) => leave.includes(each))
  if (leaves.length > 0) return removed(name, leaves, state, keep)
  const stays = by.length > 0 ? `${list(by)} needs it` : 'something else stands for it'
  const wanted = names.filter((each) => blocked.has(each) && !state.autos.has(each))
  if (wanted.length === 0) return { verdict: 'skipped', summary: `package ${name} stays: ${stays}` }
  return change(`package ${name} stays as a dependency: ${stays}`, `apt-mark -q auto -- ${quote(wanted)}`)
}

function removed(name: string, leaves: string[], state: State, keep: boolean): Step {
  const { leave = leaves, along = [], guards = new Map<string, string>() } = state.removals ?? {}
  const guarded = keep ? undefined : [...leaves, ...along].find((each) => guards.has(each))
  const how = keep || guarded !== undefined ? 'keep' : 'purge'
  // Named once: with the first that leaves.
  const first = leaves.some((each) => each === leave[0])
  const more = first && along.length > 0 ? `; with it ${list(along)}, which nothing else needs` : ''
  const why = guarded === undefined ? '' : `: ${guards.get(guarded)} is kept`
  const summary =
    how === 'keep'
      ? `remove package ${name}, and keep its configuration and data${why}`
      : `remove package ${name} and its configuration`
  const script = leaves.map(
    (each) => `remove_package ${quote([each, how, leave.join(' '), along.join(' ')])}`,
  )
  return change(`${summary}${more}`, script.join('\n'))
}

const list = (names: string[]) => [...new Set(names)].join(', ')

/** On the node: all packages that our own installations brought. */
const BROUGHT = '/var/lib/devops/brought'
const broughtOf = ({ texts }: State): Set<string> => new Set(texts.get(BROUGHT))

/** On the node: dependencies of a removed package whose configuration and data were kept with its own. */
const keptNote = (name: string) => `/var/lib/devops/kept/${name}`

function fits(found: PackageFact, version: string): boolean {
  return version.endsWith('*') ? found.version.startsWith(version.slice(0, -1)) : found.version === version
}
