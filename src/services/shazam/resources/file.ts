import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { gzipSync } from 'node:zlib'
import Type from 'typebox'
import type { FileFact, State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { unified } from './difference.ts'
import { change, type Entry, type Kind, type Resource, type Step, unchanged } from './kind.ts'
import { above, differences, type Owned, own, ownerIds, pastOf, plainMode } from './owner.ts'
import { Account, Mode, Path } from './pattern.ts'

export interface File extends Resource, Owned {
  path: string
  /** Text, or any bytes in base64. */
  content?: string
  base64?: string
  sha256: string
  /** A shell line that must succeed before the file takes its place; `{file}` is the new one. */
  check?: string
  /** Written only where there is none: from then on it is the user's. */
  once?: boolean
  /** The content is shown to nobody. */
  secret?: boolean
  /** Where `path` is a link to this file, as newer releases have it, this one is written and the link stays. */
  behind?: string
}

/** Contents up to this size are kept in the manifest, to show what a push would change without a look at the node. */
const KEPT = 64 * 1024

export const fileKind: Kind<File> = {
  name: 'file',
  schema: Type.Object({
    file: Path,
    content: Type.Optional(Type.String()),
    base64: Type.Optional(Type.String()),
    owner: Type.Optional(Account),
    group: Type.Optional(Account),
    mode: Type.Optional(Mode),
    check: Type.Optional(Type.String()),
    once: Type.Optional(Type.Boolean()),
    secret: Type.Optional(Type.Boolean()),
    behind: Type.Optional(Path),
    keep: Type.Optional(Type.Boolean()),
  }),
  refuse: ({ content, base64 }) =>
    content === undefined && base64 === undefined ? 'needs content, template or source' : undefined,
  wish(path, item) {
    const content =
      item.base64 === undefined
        ? { content: (item.content as string) ?? '' }
        : { base64: item.base64 as string }
    const owner = (item.owner as string) ?? 'root'
    return {
      id: `file:${path}`,
      path,
      ...content,
      sha256: sha256(bytesOf(content)),
      owner,
      group: (item.group as string) ?? owner,
      mode: plainMode((item.mode as string) ?? '0644'),
      ...(item.check ? { check: item.check as string } : {}),
      ...(item.once ? { once: true } : {}),
      ...(item.secret ? { secret: true } : {}),
      ...(item.behind ? { behind: item.behind as string } : {}),
      ...(item.keep ? { keep: true } : {}),
    }
  },
  implies: (wish) => [...above(wish.path), ...ownerIds(wish)],
  ask(wish, questions) {
    for (const path of [wish.path, wish.behind]) {
      if (!path) continue
      questions.paths.add(path as string)
      questions.hashes.add(path as string)
    }
  },
  plan(written, state, { owned, hide }) {
    const wish = { ...written, path: placeOf(written, state) }
    const there = state.files.get(wish.path)
    // A link of ours that stood there before this file: nothing of theirs is in its place.
    const found = there?.type === 'link' && state.made.has(`link:${wish.path}`) ? undefined : there
    if (found?.type === 'directory') return blocked(wish)
    if (found && wish.once) return unchanged(`${wish.path} is there, and is the user's`)
    const same = found?.type === 'file' && found.sha256 === wish.sha256
    const ownership = found ? differences(wish, found) : []
    if (same && ownership.length === 0) return unchanged(`${wish.path} is as wished`)
    if (same) return change(`${wish.path}: ${ownership.join(', ')}`, own(wish, wish.path))
    const before = found && knownContent(found, state.contents.get(wish.path), owned)
    const diff =
      wish.secret || before === undefined || wish.content === undefined
        ? undefined
        : unified(wish.path, hide(before), hide(wish.content))
    return change(summary(wish, found, ownership), write(wish, found ? keeping(owned) : []), {
      creates: !found,
      ...(diff ? { diff } : {}),
    })
  },
  before: (wish, state) => pastOf(state.files.get(placeOf(wish, state)), 'file'),
  entry({ path, content, sha256, owner, group, mode, once, secret, behind }, { hide }) {
    const open =
      !secret && content !== undefined && Buffer.byteLength(content) <= KEPT && hide(content) === content
    return {
      ...{ path, sha256, owner, group, mode },
      ...(behind ? { behind } : {}),
      ...(once ? { once } : {}),
      ...(open ? { content } : {}),
    }
  },
  remove(owned, state, purge) {
    const path = placeOf(owned as { path: string; behind?: string }, state)
    const found = state.files.get(path)
    if (!found) return unchanged(`${path} is gone`)
    if (found.type === 'directory')
      return { verdict: 'skipped', summary: `${path} is a directory now: left alone` }
    if (owned.keep && !purge) return { verdict: 'skipped', summary: `${path} is kept` }
    return takeAway({ ...owned, path }, path)
  },
}

/** The file itself, or the one that it is a link to where that is agreed. */
export function placeOf({ path, behind }: { path: string; behind?: string }, state: State): string {
  const found = state.files.get(path)
  const leads = found?.type === 'link' && posix.resolve(posix.dirname(path), found.to) === behind
  return leads ? behind : path
}

export const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex')

const bytesOf = ({ content = '', base64 }: Pick<File, 'content' | 'base64'>) =>
  base64 === undefined ? Buffer.from(content) : Buffer.from(base64, 'base64')

const blocked = (wish: File): Step =>
  change(
    `${wish.path} is a directory where a file is wished`,
    `echo ${quote(`${wish.path} is a directory: remove it by hand`)}; exit 1`,
  )

function summary(wish: File, found: FileFact | undefined, ownership: string[]): string {
  const size = `${bytesOf(wish).length} bytes`
  if (!found) return `create ${wish.path}, ${size}`
  if (found.type !== 'file') return `replace the ${found.type} ${wish.path} by a file, ${size}`
  return [`change ${wish.path}, ${size}`, ...ownership].join('; ')
}

/** The text on the node, when we know it without looking again. */
function knownContent(found: FileFact, fetched: string | undefined, owned: Entry | undefined) {
  if (fetched !== undefined) return fetched
  return owned?.sha256 === found.sha256 && typeof owned?.content === 'string' ? owned.content : undefined
}

function write(wish: File, keep: string[]): string {
  const flags = [...keep, ...(wish.once ? ['once'] : [])]
  return `${checkFunction(wish.check)}${writeBytes(wish.path, `${wish.owner}:${wish.group}`, wish.mode, bytesOf(wish), flags)}`
}

/**
 * `write_file` of the prelude takes the content on its input. Only base64 travels: no byte of a file is ever read as
 * shell, whatever it holds.
 */
export function writeBytes(
  path: string,
  owner: string,
  mode: string,
  content: Uint8Array,
  flags: string[] = [],
): string {
  const { lines, packed } = travelling(content)
  const sum = packed || lines.length > PIPE ? sha256(content) : ''
  const args = [path, owner, mode, sum, ...flags, ...(packed ? ['gzip'] : [])]
  return `write_file ${quote(args)} <<'BASE64'\n${lines}BASE64\n`.trimEnd()
}

/** Bytes that a shell puts into a pipe at once (PIPE_BUF): a process that could be ended in the middle writes the rest. */
const PIPE = 4096

/** What is not known to be ours is kept, once, before it is changed for the first time. */
export const keeping = (owned: Entry | undefined): string[] =>
  owned && !owned.present_before ? [] : ['keep']

/** What was there before us is given back; where we never had to change it, it stays. */
export function takeAway(owned: Entry, name: string): Step {
  const path = owned.path as string
  const unit = unitOf(path)
  if (owned.present_before)
    return change(
      `give back ${name} as it was before`,
      [
        `remove_file ${quote([path, 'theirs', ...attributes(owned)])}`,
        ...(unit ? [`renew_unit ${quote(unit)}`] : []),
      ].join('\n'),
    )
  const gone = `remove_file ${quote(path)}`
  if (!unit) return change(`remove ${name}`, gone)
  return change(
    `remove ${name}, and stop what it runs`,
    [`retire_unit ${quote(unit)}`, gone, `bury_unit ${quote(unit)}`].join('\n'),
  )
}

/** The unit that a file or link defines. */
const unitOf = (path: string): string | undefined =>
  /^\/(?:etc|run|lib|usr\/lib|usr\/local\/lib)\/systemd\/system\/([A-Za-z0-9][A-Za-z0-9:_.@\\-]*\.(?:service|socket|timer|path|target|mount|automount|swap|slice))$/.exec(
    path,
  )?.[1]

const attributes = ({ before }: Entry): string[] =>
  before ? [`${before.owner}:${before.group}`, String(before.mode)] : []

/** The check that `write_file` of the prelude calls with the new file. */
export const checkFunction = (check: string | undefined) =>
  check ? `check() { LC_ALL=C.UTF-8\n${check.replaceAll('{file}', '"$1"')}\n}\n` : 'check() { :; }\n'

/** Bytes as lines of base64, compressed where that is worth a process on the node. */
export function travelling(content: Uint8Array): { lines: string; packed: boolean } {
  const small = content.length > 2048 ? gzipSync(content, { level: 6 }) : content
  const packed = small.length < content.length
  const text = Buffer.from(packed ? small : content).toString('base64')
  return { lines: text.replace(/.{1,76}/g, '$&\n'), packed }
}
