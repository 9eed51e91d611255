import type { Input, Output } from '#contracts'
import type { FileDiff } from '#contracts/files.ts'
import { GitFailed } from './git.ts'
import { locate, type ReadParts, refuseNoTreePath } from './locate.ts'
import type { Place } from './objects.ts'

/** Characters of all patches of an answer together. */
const PATCHES = 512 * 1024
const OUTPUT = 16 * 1024 * 1024

/** How git is to compare: no program of the repository's or the machine's choice, renames found. */
const plain = ['--no-color', '--no-ext-diff', '--no-textconv', '-M', '--no-abbrev']

export async function readDiff(parts: ReadParts, asked: Input<'git.diff'>): Promise<Output<'git.diff'>> {
  const { repo, to, path } = asked
  if (path !== undefined) refuseNoTreePath(path)
  const { at } = await locate(parts, repo, to)
  if (asked.from !== undefined) await locate(parts, repo, asked.from)
  const from = asked.from ?? (await parentOf(parts, { at }, to))
  const files = await changedFiles(parts, { at }, from, to, path)
  const cut = files.some(({ patch, added }) => patch === null && added !== null)
  return { from, to, files, cut }
}

async function parentOf({ git }: ReadParts, place: Place, commit: string): Promise<string | null> {
  const out = await git.run(['rev-list', '--parents', '--max-count=1', commit, '--'], place)
  return out.toString().trim().split(' ')[1] ?? null
}

async function changedFiles(
  { git }: ReadParts,
  place: Place,
  from: string | null,
  to: string,
  path: string | undefined,
): Promise<FileDiff[]> {
  const range = from ? [from, to] : ['--root', to]
  const diff = (...how: string[]) =>
    git.run(
      ['diff-tree', '-r', '--no-commit-id', ...plain, ...how, ...range, '--', ...(path ? [path] : [])],
      { ...place, limit: OUTPUT },
    )
  const [list, numbers, text] = await Promise.all([
    diff('--raw', '-z'),
    diff('--numstat', '-z'),
    diff('-p').catch(unlessTooMuch),
  ])
  return join(parseRaw(list.toString()), parseNumbers(numbers.toString()), patchesOf(text?.toString()))
}

/** Undefined when there is more of it than is shown. */
function unlessTooMuch(error: unknown): undefined {
  if (!(error instanceof GitFailed && error.exit === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')) throw error
}

const statuses: Record<string, FileDiff['status']> = {
  A: 'added',
  M: 'changed',
  D: 'deleted',
  R: 'moved',
  T: 'type changed',
}

type Named = Pick<FileDiff, 'path' | 'from' | 'status'>

/** git-diff-tree(1), Raw output format, with -z. */
function parseRaw(text: string): Named[] {
  const fields = text.split('\0')
  const files: Named[] = []
  for (let i = 0; fields[i]?.startsWith(':'); ) {
    const letter = fields[i]?.split(' ')[4]?.[0] ?? ''
    const moved = letter === 'R'
    files.push({
      path: fields[i + (moved ? 2 : 1)] ?? '',
      from: moved ? (fields[i + 1] ?? null) : null,
      status: statuses[letter] ?? 'changed',
    })
    i += moved ? 3 : 2
  }
  return files
}

/** `ADDED TAB REMOVED TAB PATH`, of a moved file with two paths of their own; `-` for binary files. */
function parseNumbers(text: string): { added: number | null; removed: number | null }[] {
  const count = (field = '-') => (field === '-' ? null : Number(field))
  return text
    .split('\0')
    .filter((field) => /^(-|\d+)\t(-|\d+)\t/.test(field))
    .map((field) => {
      const [added, removed] = field.split('\t')
      return { added: count(added), removed: count(removed) }
    })
}

/** One for each file, in order: no line of a patch itself begins like its head. Undefined: too much to be shown. */
function patchesOf(text: string | undefined): string[] | undefined {
  return text
    ?.split(/^(?=diff --git )/m)
    .filter((part) => part.startsWith('diff --git '))
    .map((part) => part.slice(Math.max(0, part.search(/^@@ /m))))
    .map((part) => (part.startsWith('@@ ') ? part : ''))
}

function join(
  files: readonly Named[],
  numbers: readonly { added: number | null; removed: number | null }[],
  patches: readonly string[] | undefined,
): FileDiff[] {
  let left = PATCHES
  return files.map((file, i) => {
    const { added = null, removed = null } = numbers[i] ?? {}
    const patch = patches?.[i]
    const fits = patch !== undefined && added !== null && patch.length <= left
    if (fits) left -= patch.length
    return { ...file, added, removed, patch: fits ? patch : null }
  })
}
