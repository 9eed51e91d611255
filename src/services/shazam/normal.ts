import { posix } from 'node:path'
import type Type from 'typebox'
import { PATH } from './resources/pattern.ts'

/**
 * One thing has one name: an id is the same however its resource is spelled. Otherwise a new spelling would be one thing
 * that leaves and another that comes, and the first would take the second along.
 */

/** `/etc//nginx/./x/` is `/etc/nginx/x`. */
export const normalPath = (path: string): string =>
  path.startsWith('/') ? posix.normalize(`/${path.replace(/^\/+/, '')}`).replace(/(?<=.)\/$/, '') : path

const types = /\.(service|socket|timer|mount|automount|path|target|slice|swap|device|scope)$/

/** `nginx.service` is `nginx`; a name whose rest would be another type of unit stays as it is. */
export function normalUnit(name: string): string {
  const bare = name.replace(/\.service$/, '')
  return types.test(bare) ? name : bare
}

/** The file name that systemd knows a unit by. */
export const unitFile = (name: string): string => (types.test(name) ? name : `${name}.service`)

/** What apt takes for the architecture of the node itself; another one stays part of the name. */
export const normalPackage = (name: string): string => name.replace(/:(native|any|all)$/, '')

const byKind: Record<string, (name: string) => string> = {
  unit: normalUnit,
  package: normalPackage,
  restart: normalUnit,
  reload: normalUnit,
}
for (const kind of [
  'file',
  'directory',
  'link',
  'absent',
  'archive',
  'git_checkout',
  'mount',
  'swap',
  'certificate',
])
  byKind[kind] = normalPath

/** Of a resource or of a handler, as `requires` and `notify` name them. */
export function normalId(id: string): string {
  const [, kind = '', name = ''] = /^([a-z_]+):(.*)$/s.exec(id) ?? []
  return byKind[kind] ? `${kind}:${byKind[kind](name)}` : id
}

/** The keys of an item, as written in a service, that are paths by its kind's schema; and its name. */
export function normalItem(
  kind: { name: string; schema: Type.TSchema },
  item: Record<string, unknown>,
): Record<string, unknown> {
  const properties = (kind.schema as Type.TObject).properties as Record<string, { pattern?: string }>
  const normal = Object.entries(item).map(([key, value]) => {
    if (typeof value !== 'string') return [key, value]
    if (properties[key]?.pattern === PATH) return [key, normalPath(value)]
    return [key, key === kind.name && byKind[key] ? byKind[key](value) : value]
  })
  return Object.fromEntries(normal)
}

interface Named {
  id: string
  kind: string
  notify: string[]
  present_before?: boolean
  [key: string]: unknown
}

/** An entry of a manifest that was written before ids were normal forms. */
export function normalEntry<T extends Named>(entry: T): T {
  const paths = ['path', 'home', 'venv', 'creates', ...(entry.kind === 'certificate' ? ['key'] : [])]
  const normal: Named = { ...entry, notify: entry.notify.map(normalId) }
  for (const key of paths) if (typeof entry[key] === 'string') normal[key] = normalPath(entry[key])
  const named = entry.kind === 'unit' || entry.kind === 'package'
  if (named && typeof entry.name === 'string') normal.name = byKind[entry.kind]?.(entry.name)
  normal.id = normalId(idOf(entry, normal))
  return normal as T
}

/** Ids in which a path is followed, or led, by something else. */
function idOf({ id, kind, path, venv }: Named, normal: Named): string {
  if (kind === 'line') return id.replace(`line:${path} `, () => `line:${normal.path} `)
  if (venv !== undefined && id.endsWith(` in ${venv}`))
    return `${id.slice(0, -String(venv).length)}${normal.venv}`
  return id
}

/**
 * Before memberships were entries of their own, a user's groups were part of it, and Docker's users a command. Who named
 * a group gave it: it is taken back when it is described no more.
 */
function withMemberships<T extends Named>(entry: T): Named[] {
  const { groups, ...rest } = entry as Named
  const member = (user: string, group: string): Named => {
    const id = `membership:${user} ${group}`
    return { id, kind: 'membership', user, group, notify: [] }
  }
  if (entry.kind === 'user' && Array.isArray(groups))
    return [rest, ...groups.map((group) => member(String(entry.name), String(group)))]
  const [, user] = /^command:let (\S+) use Docker$/.exec(entry.id) ?? []
  return user ? [member(user, 'docker')] : [entry]
}

/** Two spellings of one thing were two entries: the one that brought it to the node knows how it was before. */
export function normalEntries<T extends Named>(entries: readonly T[]): T[] {
  const known = new Map<string, T>()
  for (const entry of entries.map(normalEntry).flatMap(withMemberships) as T[]) {
    const twin = known.get(entry.id)
    if (!twin || (twin.present_before && !entry.present_before)) known.set(entry.id, entry)
  }
  return [...known.values()]
}
