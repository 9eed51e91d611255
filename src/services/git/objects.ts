import { type Git, GitFailed } from './git.ts'

/** A repository, and with `env` also the objects of a push under judgement. */
export interface Place {
  at: string
  env?: Record<string, string>
}

export interface Entry {
  /** 100644, 100755: file; 120000: symbolic link; 160000: submodule; 040000: folder. */
  mode: string
  id: string
  /** Bytes; 0 of a submodule or folder. */
  size: number
  path: string
}

/**
 * The id of the one commit that `name` means; undefined when there is none, or more than one. Throws when that cannot be
 * read: a repository that is damaged or away is not one without the commit.
 */
export async function findCommit(git: Git, place: Place, name: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  try {
    return (await git.run(args, place)).toString().trim()
  } catch (error) {
    // Its word for "no"; with any other status it could not answer.
    if (error instanceof GitFailed && error.exit === 1) return undefined
    throw error
  }
}

/**
 * Whether `commit` is `tip`, or in its history. Throws when that history cannot be read, where `git merge-base` before
 * 2.44 says no.
 */
export async function isInHistory(git: Git, place: Place, commit: string, tip: string): Promise<boolean> {
  const between = await git.run(['rev-list', '--ancestry-path', '--max-count=1', `${commit}..${tip}`], place)
  return commit === tip || between.length > 0
}

const TREE_LIMIT = 32 * 1024 * 1024

/** Everything below a commit, or only what is below `folders`; their own entries alone unless `recursive`. */
export async function listEntries(
  git: Git,
  place: Place,
  commit: string,
  folders: string[] = [],
  recursive = true,
): Promise<Entry[]> {
  const args = [
    'ls-tree',
    ...(recursive ? ['-r'] : []),
    '-z',
    '-l',
    '--full-tree',
    `${commit}^{commit}`,
    '--',
    ...folders,
  ]
  const out = await git.run(args, { ...place, limit: TREE_LIMIT })
  return out.toString().split('\0').filter(Boolean).map(parseEntry)
}

function parseEntry(line: string): Entry {
  const tab = line.indexOf('\t')
  const [mode = '', , id = '', size = ''] = line.slice(0, tab).split(/ +/)
  return { mode, id, size: size === '-' ? 0 : Number(size), path: line.slice(tab + 1) }
}

export const isFile = (entry: Entry): boolean => entry.mode === '100644' || entry.mode === '100755'

/** The contents of blobs, in the order asked for. */
export async function readBlobs(
  git: Git,
  place: Place,
  ids: readonly string[],
  limit: number,
): Promise<Buffer[]> {
  if (ids.length === 0) return []
  const input = ids.map((id) => `${id}\n`).join('')
  const out = await git.run(['cat-file', '--batch'], { ...place, input, limit: limit + ids.length * 100 })
  const blobs: Buffer[] = []
  for (let at = 0; at < out.length; ) {
    const end = out.indexOf(10, at)
    const [id, type, size] = out.subarray(at, end).toString().split(' ')
    if (type !== 'blob') throw new Error(`object ${id} is ${type}, not a file`)
    const from = end + 1
    const to = from + Number(size)
    blobs.push(out.subarray(from, to))
    at = to + 1
  }
  return blobs
}

/** The text of a blob; undefined when it is not UTF-8 or holds NUL. */
export function textOf(blob: Buffer): string | undefined {
  if (blob.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(blob)
  } catch {
    return undefined
  }
}
