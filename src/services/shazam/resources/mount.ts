import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { above } from './owner.ts'
import { Path } from './pattern.ts'

export interface Mount extends Resource {
  path: string
  device: string
  type: string
  options: string
}

const FSTAB = '/etc/fstab'
const MOUNTS = '/proc/self/mounts'
const Word = Type.String({ pattern: '^[^\\s\\x00-\\x1f]+$', description: 'one word' })

/** A line of /etc/fstab, and mounted. */
export const mountKind: Kind<Mount> = {
  name: 'mount',
  schema: Type.Object({ mount: Path, device: Word, type: Word, options: Type.Optional(Word) }),
  wish: (path, { device, type, options = 'defaults' }) => ({
    id: `mount:${path}`,
    path,
    device: device as string,
    type: type as string,
    options: options as string,
  }),
  implies: ({ path }) => [...above(path), `directory:${path}`],
  ask: (_, questions) => void questions.texts.add(FSTAB).add(MOUNTS),
  plan(wish, state) {
    const line = lineOf(wish)
    const found = fstabLine(wish.path, state)
    const mounted = isMounted(wish.path, state)
    const changes = [
      ...(found === line ? [] : [`fstab ${found ?? 'none'} -> ${line}`]),
      ...(mounted ? [] : ['mounted false -> true']),
    ]
    if (changes.length === 0) return unchanged(`${wish.path} is mounted`)
    return change(`mount ${wish.path}: ${changes.join(', ')}`, `set_mount ${quote([wish.path, line])}`, {
      creates: found === undefined && !mounted,
    })
  },
  before: ({ path }, state) => {
    const line = fstabLine(path, state)
    return line === undefined ? undefined : { line }
  },
  entry: ({ path, device, type, options }) => ({ path, device, type, options }),
  remove(owned, state) {
    const path = owned.path as string
    const before = owned.before?.line as string | undefined
    if (before !== undefined)
      return change(`mount ${path} as before: ${before}`, `set_mount ${quote([path, before])}`)
    if (owned.present_before)
      return { verdict: 'skipped', summary: `${path} was mounted before us, and stays` }
    if (fstabLine(path, state) === undefined && !isMounted(path, state))
      return unchanged(`${path} is not mounted`)
    return change(`unmount ${path}`, `unset_mount ${quote(path)}`)
  },
}

/** Spaces in fields of fstab(5) are written in octal. */
const field = (text: string) => text.replace(/[ \t\\]/g, (one) => `\\0${one.charCodeAt(0).toString(8)}`)

const lineOf = ({ device, path, type, options }: Mount) =>
  [device, field(path), type, options, '0', '0'].join(' ')

const fstabLine = (path: string, state: State) =>
  state.texts
    .get(FSTAB)
    ?.findLast((line) => !line.trim().startsWith('#') && line.trim().split(/\s+/)[1] === field(path))
    ?.trim()
    .replace(/\s+/g, ' ')

const isMounted = (path: string, state: State) =>
  state.texts.get(MOUNTS)?.some((line) => line.split(' ')[1] === field(path)) ?? false
