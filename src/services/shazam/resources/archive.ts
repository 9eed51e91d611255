import Type from 'typebox'
import { quote } from '../quote.ts'
import { sha256, travelling } from './file.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'
import { above } from './owner.ts'
import { Account, Path } from './pattern.ts'

export interface Archive extends Resource {
  path: string
  /** Of the archive itself. */
  sha256: string
  /** Where it comes from: an address, or the bytes in base64. */
  url?: string
  base64?: string
  /** How many leading folders of its names are left away. */
  strip: number
  owner: string
  group: string
  creates?: string
}

/** tar, plain or compressed, or zip, unpacked into a folder. What a former version had more is removed. */
export const archiveKind: Kind<Archive> = {
  name: 'archive',
  schema: Type.Object({
    archive: Path,
    url: Type.Optional(
      Type.String({ pattern: '^https?://[^\\s\\x00-\\x1f]+$', description: 'http(s) address' }),
    ),
    sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in hexadecimal' })),
    base64: Type.Optional(Type.String()),
    content: Type.Optional(Type.String()),
    strip: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
    owner: Type.Optional(Account),
    group: Type.Optional(Account),
    creates: Type.Optional(Path),
  }),
  refuse({ url, sha256, base64, content }) {
    if (content !== undefined) return 'the source is a text, and no archive'
    if ((url === undefined) === (base64 === undefined))
      return 'needs either url, or source (a file of files/)'
    return url !== undefined && sha256 === undefined ? 'needs sha256 of what url gives' : undefined
  },
  wish(path, item) {
    const owner = (item.owner as string) ?? 'root'
    const base64 = item.base64 as string | undefined
    return {
      id: `archive:${path}`,
      path,
      sha256: (item.sha256 as string) ?? sha256(Buffer.from(base64 ?? '', 'base64')),
      ...(item.url === undefined ? {} : { url: item.url as string }),
      ...(base64 === undefined ? {} : { base64 }),
      strip: (item.strip as number) ?? 0,
      owner,
      group: (item.group as string) ?? owner,
      ...(item.creates === undefined ? {} : { creates: item.creates as string }),
    }
  },
  implies: ({ path, owner, group }) => [
    ...above(path),
    `directory:${path}`,
    `user:${owner}`,
    `group:${group}`,
    'package:unzip',
    'package:xz-utils',
  ],
  ask(wish, questions) {
    questions.paths.add(wish.path as string)
    questions.texts.add(noteOf(wish))
    if (wish.creates) questions.paths.add(wish.creates as string)
  },
  plan(wish, state) {
    const [found] = state.texts.get(noteOf(wish)) ?? []
    const at = state.files.get(wish.path)
    const there = at?.type === 'directory' || at?.to_directory === true
    const whole = wish.creates === undefined || state.files.has(wish.creates)
    if (there && whole && found === markOf(wish)) return unchanged(`${wish.path} is as unpacked`)
    const from = wish.url ?? 'an archive of the repository'
    const was = found === undefined ? 'nothing' : found.slice(0, 12)
    const why = found === markOf(wish) ? 'parts of it are gone' : `${was} -> ${markOf(wish).slice(0, 12)}`
    return change(`unpack ${from} into ${wish.path}: ${why}`, unpack(wish), { creates: found === undefined })
  },
  entry: ({ path, sha256, url, strip, owner, group, creates }) => ({
    path,
    sha256,
    ...(url === undefined ? {} : { url }),
    strip,
    owner,
    group,
    ...(creates === undefined ? {} : { creates }),
  }),
  remove(owned, state) {
    if (!state.texts.has(noteOf(owned))) return unchanged(`nothing of ${owned.path} is left`)
    return change(
      `remove from ${owned.path} what was unpacked there`,
      `remove_archive ${quote([owned.path as string, noteOf(owned)])}`,
    )
  },
}

/** What is unpacked there: its first line tells which archive and how. */
const noteOf = ({ path }: Archive | Entry) =>
  `/var/lib/devops/archives/${sha256(path as string).slice(0, 32)}`

const markOf = ({ sha256, strip, owner, group }: Archive) => `${sha256} ${strip} ${owner}:${group}`

function unpack(wish: Archive): string {
  const args = [wish.path, noteOf(wish), wish.sha256, String(wish.strip), `${wish.owner}:${wish.group}`]
  if (wish.url !== undefined) return `unpack_archive ${quote([...args, wish.url])}`
  const { lines, packed } = travelling(Buffer.from(wish.base64 ?? '', 'base64'))
  const flag = packed ? 'gzip' : 'plain'
  return `unpack_archive ${quote([...args, flag])} <<'BASE64'\n${lines}BASE64`
}
