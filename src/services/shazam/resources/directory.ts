import Type from 'typebox'
import type { FileFact } from '../facts/state.ts'
import { MOUNTS, mountsBelow } from '../places.ts'
import { quote } from '../quote.ts'
import { change, type Inside, type Kind, type Resource, type Step, unchanged } from './kind.ts'
import { above, differences, type Owned, own, ownerIds, pastOf, plainMode } from './owner.ts'
import { Account, Mode, Path } from './pattern.ts'

export interface Directory extends Resource, Owned {
  path: string
}

/** On the node: folders that were made because something below them was. */
const ABOVE = '/var/lib/devops/folders-above'

export const directoryKind: Kind<Directory> = {
  name: 'directory',
  schema: Type.Object({
    directory: Path,
    owner: Type.Optional(Account),
    group: Type.Optional(Account),
    mode: Type.Optional(Mode),
    keep: Type.Optional(Type.Boolean()),
  }),
  wish(path, item) {
    const owner = (item.owner as string) ?? 'root'
    return {
      id: `directory:${path}`,
      path,
      owner,
      group: (item.group as string) ?? owner,
      mode: plainMode((item.mode as string) ?? '0755'),
      ...(item.keep ? { keep: true } : {}),
    }
  },
  implies: (wish) => [...above(wish.path), ...ownerIds(wish)],
  ask(wish, questions) {
    questions.paths.add(wish.path as string)
    questions.texts.add(ABOVE)
    if (wish.keep) questions.texts.add(MOUNTS)
  },
  plan(wish, state) {
    const found = state.files.get(wish.path)
    if (!found) {
      const script = `make_folder ${quote([wish.path, `${wish.owner}:${wish.group}`, wish.mode])}`
      return change(`create directory ${wish.path}`, script, { creates: true })
    }
    if (found.to_directory)
      return unchanged(
        `${wish.path} is a link to the folder ${found.to}, which serves as well and is left as it is`,
      )
    if (found.type !== 'directory') {
      const said = `${wish.path} is a ${found.type} where a directory is wished: remove it by hand`
      return change(said, `echo ${quote(said)}; exit 1`)
    }
    const changes = differences(wish, found)
    if (changes.length === 0) return unchanged(`directory ${wish.path} is as wished`)
    return change(`directory ${wish.path}: ${changes.join(', ')}`, own(wish, wish.path))
  },
  // It came as a folder above something of ours.
  brought: ({ path }, state) => state.texts.get(ABOVE)?.includes(path) ?? false,
  before: ({ path }, state) => pastOf(state.files.get(path), 'directory'),
  entry: ({ path, owner, group, mode }) => ({ path, owner, group, mode }),
  remove(owned, state, purge, inside) {
    const path = owned.path as string
    if (state.files.get(path)?.type === 'link')
      return { verdict: 'skipped', summary: `${path} is a link: left alone` }
    if (state.files.get(path)?.type !== 'directory') return unchanged(`directory ${path} is gone`)
    const past = owned.present_before ? (owned.before as Owned | undefined) : undefined
    const changes = past ? differences(past, state.files.get(path) as FileFact) : []
    if (past && changes.length > 0)
      return change(`directory ${path}, as it was before: ${changes.join(', ')}`, own(past, path))
    // What was there before us is never purged, whoever says so.
    if (owned.keep && purge && !owned.present_before) return emptied(path, inside, mountsBelow(state, path))
    if (owned.keep || owned.present_before)
      return { verdict: 'skipped', summary: `directory ${path} is kept with what is in it` }
    if (inside.length > 0)
      return { verdict: 'skipped', summary: `directory ${path} stays: ${listed(inside)}`, waits: true }
    return change(`remove directory ${path} if it is empty`, `remove_folder ${quote(path)}`)
  },
}

/** Of a service that keeps its data elsewhere now: what it did not move is not ours to judge. */
export const removedWhenEmpty = (path: string): Step =>
  change(
    `remove directory ${path} if it is empty after its service has moved its data`,
    `[ ! -d ${quote(path)} ] || remove_folder ${quote(path)}\n[ ! -d ${quote(path)} ] || exit 77`,
    { last: true },
  )

/** With all that is in it, but not what stays, and not what is on another disk. */
function emptied(path: string, inside: readonly Inside[], mounts: string[]): Step {
  const script = `purge_folder ${quote(path)}\nleave_above ${quote(path)}`
  const spared = [
    ...(inside.length > 0 ? [listed(inside)] : []),
    ...mounts.map((mount) => `${mount} is mounted`),
  ]
  if (spared.length === 0) return change(`remove directory ${path} with all that is in it`, script)
  return change(`remove what is in directory ${path}, but ${spared.join(', ')}`, script, { waits: true })
}

/** Says what stays, and why. */
export const listed = (inside: readonly Inside[]): string => {
  const shown = inside
    .slice(0, 3)
    .map(({ path, id }) => (id.endsWith(`:${path}`) ? `${id} stays` : `${path} of ${id} stays`))
  return [...shown, ...(inside.length > 3 ? [`and ${inside.length - 3} more`] : [])].join(', ')
}
