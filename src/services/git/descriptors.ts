import type { Finding } from '#contracts/descriptors.ts'
import { type File, isBinary } from '#language'
import type { Git } from './git.ts'
import type { Limits } from './limits.ts'
import { type Entry, isFile, listEntries, type Place, readBlobs, textOf } from './objects.ts'

export const folders = ['nodes', 'tasks', 'scripts', 'services']

/**
 * The descriptor files of a commit, out of git's objects and never out of a working tree. What cannot be read as a file
 * of text within the limits comes back as a finding.
 */
export async function readDescriptors(
  git: Git,
  place: Place,
  commit: string,
  limits: Limits,
): Promise<{ files: File[]; findings: Finding[] }> {
  const entries = await listEntries(git, place, commit, folders)
  const good = entries.filter((entry) => !faultOfEntry(entry, limits))
  const ids = excess(entries, limits) ? [] : good.map((entry) => entry.id)
  const blobs = await readBlobs(git, place, ids, limits.total)
  const contents = new Map(good.map((entry, i) => [entry.path, blobs[i]]))
  return judgeEntries(entries, limits, ({ path }) => contents.get(path) ?? Buffer.alloc(0))
}

/** The files among entries, and what is wrong with the others; `contentOf` is asked for good ones only. */
export function judgeEntries(
  entries: readonly Entry[],
  limits: Limits,
  contentOf: (entry: Entry) => Buffer,
): { files: File[]; findings: Finding[] } {
  const tooMuch = excess(entries, limits)
  if (tooMuch) return { files: [], findings: [fault('.', tooMuch)] }
  const findings = entries.flatMap((entry) => faultOfEntry(entry, limits) ?? [])
  const files: File[] = []
  for (const entry of entries) {
    if (faultOfEntry(entry, limits)) continue
    const blob = contentOf(entry)
    const content = isBinary(entry.path) ? blob.toString('base64') : textOf(blob)
    if (content === undefined) findings.push(fault(entry.path, 'must be text in UTF-8'))
    else files.push({ path: entry.path, content })
  }
  return { files, findings }
}

function excess(entries: readonly Entry[], limits: Limits): string | undefined {
  if (entries.length > limits.files)
    return `${entries.length} files in ${folders.join(', ')}: at most ${limits.files} are read`
  const total = entries.reduce((sum, entry) => sum + entry.size, 0)
  if (total > limits.total) return `${total} bytes in ${folders.join(', ')}: at most ${limits.total} are read`
  return undefined
}

function faultOfEntry(entry: Entry, limits: Limits): Finding | undefined {
  if (entry.mode === '120000') return fault(entry.path, 'is a symbolic link: put the file itself here')
  if (entry.mode === '160000') return fault(entry.path, 'is a submodule: put its files themselves here')
  if (!isFile(entry)) return fault(entry.path, `has mode ${entry.mode}: only plain files are read`)
  if (entry.size > limits.file)
    return fault(entry.path, `has ${entry.size} bytes: a descriptor or script has at most ${limits.file}`)
  return undefined
}

const fault = (path: string, message: string): Finding => ({
  severity: 'error',
  path,
  line: 1,
  column: 1,
  at: '',
  message,
})
