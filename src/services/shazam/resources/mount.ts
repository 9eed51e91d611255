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

/** How a place was before us. */
interface Before {
  /** Of fstab, as it was written. */
  line?: string
  mounted?: boolean
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
  ask(wish, questions) {
    questions.texts.add(FSTAB).add(MOUNTS)
    questions.paths.add(wish.path as string)
  },
  plan(wish, state) {
    const at = state.files.get(wish.path)
    if (at?.type === 'link') {
      const said = `${wish.path} is a link to ${at.to}: mount there, for the kernel knows no other name of it`
      return change(said, `echo ${quote(said)}; exit 1`)
    }
    const found = fstabLine(wish.path, state)
    const line = lineOf(wish, found)
    const mounted = mountOf(wish.path, state)
    const written = found !== undefined && plain(found) === line
    const changes = [
      ...(written ? [] : [`fstab ${found === undefined ? 'none' : plain(found)} -> ${line}`]),
      ...(mounted ? [] : ['mounted false -> true']),
      // fstab may say what the kernel does not have: a mount failed, or somebody did one by hand.
      ...(mounted && written ? notInForce(wish, mounted) : []),
    ]
    if (changes.length === 0) return unchanged(`${wish.path} is mounted`)
    return change(`mount ${wish.path}: ${changes.join(', ')}`, `set_mount ${quote([wish.path, line])}`, {
      creates: found === undefined && !mounted,
    })
  },
  before({ path }, state) {
    const line = fstabLine(path, state)
    const mounted = mountOf(path, state) !== undefined
    return line === undefined && !mounted ? undefined : { ...(line === undefined ? {} : { line }), mounted }
  },
  entry: ({ path, device, type, options }) => ({ path, device, type, options }),
  remove(owned, state) {
    const path = owned.path as string
    const before = owned.before as Before | undefined
    const found = fstabLine(path, state)
    const mounted = mountOf(path, state)
    if (owned.present_before || before) {
      if (found === before?.line)
        return { verdict: 'skipped', summary: `${path} was mounted before us, and stays` }
      if (before?.line === undefined)
        return change(
          `take ${path} out of fstab; it was mounted before us, and stays so`,
          `fstab_line 2 ${quote(field(path))}`,
        )
      const words = [path, before.line, before.mounted === false ? 'no' : 'yes']
      return change(`mount ${path} as before: ${plain(before.line)}`, `set_mount ${quote(words)}`)
    }
    if (found === undefined && !mounted) return unchanged(`${path} is not mounted`)
    return change(`unmount ${path}`, `unset_mount ${quote(path)}`)
  },
}

/** Spaces in fields of fstab(5) are written in octal. */
const field = (text: string) => text.replace(/[ \t\\]/g, (one) => `\\0${one.charCodeAt(0).toString(8)}`)
/** The kernel writes a backslash in three digits. */
const fieldOfKernel = (text: string) =>
  text.replace(/[ \t\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`)

const plain = (line: string) => line.trim().replace(/\s+/g, ' ')

/** Whether it is dumped and checked is not for us to say: as it was. */
const lineOf = ({ device, path, type, options }: Mount, found: string | undefined) => {
  const [, , , , dump = '0', pass = '0'] = plain(found ?? '').split(' ')
  return [device, field(path), type, options, dump, pass].join(' ')
}

const fstabLine = (path: string, state: State) =>
  state.texts
    .get(FSTAB)
    ?.findLast((line) => !line.trim().startsWith('#') && line.trim().split(/\s+/)[1] === field(path))

interface Mounted {
  device: string
  type: string
  options: Set<string>
}

/** The kernel's own word; where several are mounted over one another, the last one counts. */
function mountOf(path: string, state: State): Mounted | undefined {
  const line = state.texts.get(MOUNTS)?.findLast((each) => each.split(' ')[1] === fieldOfKernel(path))
  const [device = '', , type = '', options = ''] = line?.split(' ') ?? []
  return line === undefined ? undefined : { device, type, options: new Set(options.split(',')) }
}

/** Words that say the same in fstab and to the kernel, each with its contrary. */
const flags = new Map([
  ['ro', 'rw'],
  ['rw', 'ro'],
  ['noexec', 'exec'],
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
  ['noatime', 'atime'],
  ['nodiratime', 'diratime'],
])
/** Types that the kernel calls by the name by which they are mounted. */
const types = new Set(['tmpfs', 'ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'vfat'])

/** What the kernel certainly has otherwise. Most options have no spelling of their own, and are not judged. */
function notInForce({ device, type, options }: Mount, mounted: Mounted): string[] {
  const words = options.split(',')
  const missing = words.filter(
    (word, at) =>
      flags.has(word) && !mounted.options.has(word) && !words.slice(at + 1).includes(flags.get(word) ?? ''),
  )
  const network = /^[^/]+:\//
  return [
    ...(types.has(type) && types.has(mounted.type) && type !== mounted.type && !words.includes('bind')
      ? [`type ${mounted.type} -> ${type}`]
      : []),
    ...(network.test(device) && network.test(mounted.device) && trimmed(device) !== trimmed(mounted.device)
      ? [`device ${mounted.device} -> ${device}`]
      : []),
    ...missing.map((word) => `${word} false -> true`),
  ]
}

const trimmed = (device: string) => device.replace(/\/+$/, '')
