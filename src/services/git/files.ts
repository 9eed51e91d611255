import type { Input, Output } from '#contracts'
import type { Entry as EntryView, File } from '#contracts/files.ts'
import { Problem } from '#kit/problem.ts'
import { isTreePath, locate, type ReadParts, refuseNoTreePath } from './locate.ts'
import { type Entry, isFile, listEntries, type Place, readBlobs, textOf } from './objects.ts'

export async function readTree(parts: ReadParts, asked: Input<'git.tree'>): Promise<Output<'git.tree'>> {
  const { repo, path, recursive = false } = asked
  if (path !== undefined) refuseNoTreePath(path)
  const { at, commit } = await locate(parts, repo, asked.commit)
  if (!commit) return { commit, entries: [] }
  const below = path === undefined ? [] : [`${path}/`]
  const entries = await listEntries(parts.git, { at }, commit, below, recursive)
  if (path !== undefined && entries.length === 0)
    throw new Problem('not_found', { what: `folder ${path} in ${repo}` })
  return { commit, entries: entries.map(view) }
}

const types: Record<string, EntryView['type']> = {
  '040000': 'folder',
  '100755': 'executable',
  '120000': 'link',
  '160000': 'submodule',
}

const view = ({ path, mode, size, id }: Entry): EntryView => ({ path, type: types[mode] ?? 'file', size, id })

export async function readFile(parts: ReadParts, asked: Input<'git.file'>): Promise<File> {
  const { repo, path } = asked
  const { at, commit } = await locate(parts, repo, asked.commit)
  const entry = commit && (await findFile(parts, { at }, commit, path))
  if (!commit || !entry) throw new Problem('not_found', { what: `file ${path} in ${repo}` })
  const { id, size } = entry
  const [blob = Buffer.alloc(0)] = await readBlobs(parts.git, { at }, [id], size)
  const text = textOf(blob)
  return {
    path,
    commit,
    id,
    size,
    executable: entry.mode === '100755',
    encoding: text === undefined ? 'base64' : 'utf-8',
    content: text ?? blob.toString('base64'),
  }
}

/** Undefined when there is none. Throws `invalid` for what is no file, or too big to be shown. */
export async function findFile(
  { git, limits }: ReadParts,
  place: Place,
  commit: string,
  path: string,
): Promise<Entry | undefined> {
  const entries = isTreePath(path) ? await listEntries(git, place, commit, [path], false) : []
  const entry = entries.find((one) => one.path === path)
  if (!entry || entry.mode === '040000') return undefined
  if (!isFile(entry)) throw new Problem('invalid', { reason: `${path} is a link or a submodule, not a file` })
  if (entry.size > limits.total) throw new Problem('invalid', { reason: `${path} is too big to be shown` })
  return entry
}
