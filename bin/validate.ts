import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { Finding, Service } from '#contracts/descriptors.ts'
import { checkRepository, jsonSchemas, readCatalog, sortFindings } from '#language'
import { folders, judgeEntries } from '#services/git/descriptors.ts'
import { defaultLimits } from '#services/git/limits.ts'
import type { Entry } from '#services/git/objects.ts'
import { catalogFolder } from './catalog.ts'

/** What an editor should know of the repository in a folder: the catalog, and the services that it brings. */
export function schemasFor(folder: string) {
  const catalog = readCatalog(catalogFolder)
  const { files } = filesOf(folder)
  return jsonSchemas([
    ...catalog,
    ...checkRepository(files, { catalog, accepted: true }).infrastructure.services,
  ])
}

export interface Judged {
  /** Root of the repository that was judged; undefined: there is nothing to judge in or above the folder. */
  root: string | undefined
  findings: Finding[]
}

/** `devops validate`: what a push of this working tree would be told, without a platform. */
export function validateFolder(folder: string): Judged {
  const root = rootOf(folder)
  return { root, findings: root === undefined ? [] : judgeFolder(root, readCatalog(catalogFolder)) }
}

/**
 * The folder itself where it has descriptors, else the nearest folder above that has, up to the root of the clone. A folder
 * inside of `nodes/` or the like of one above is part of that one, whatever it is called.
 */
export function rootOf(folder: string): string | undefined {
  const candidates: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    if (hasDescriptors(at)) candidates.push(at)
    if (existsSync(join(at, '.git')) || dirname(at) === at) break
  }
  const isInside = (inner: string, outer: string) =>
    folders.includes(relative(outer, inner).split(sep)[0] ?? '')
  return candidates.find((inner, i) => !candidates.slice(i + 1).some((outer) => isInside(inner, outer)))
}

const descriptor = /^(nodes|tasks)\/.*\.(ya?ml|json)$|^scripts\/.|^services\/[^/]+\/service\.(ya?ml|json)$/

const hasDescriptors = (folder: string): boolean =>
  folders.some((name) => listEntries(folder, name).some(({ path }) => descriptor.test(path)))

export function judgeFolder(folder: string, catalog: readonly Service[]): Finding[] {
  const { files, findings } = filesOf(folder)
  return sortFindings([...findings, ...checkRepository(files, { catalog }).findings])
}

const filesOf = (folder: string) =>
  judgeEntries(
    folders.flatMap((name) => listEntries(folder, name)),
    defaultLimits,
    ({ path }) => readFileSync(join(folder, path)),
  )

/** As git would have them in a commit, in its order. */
function listEntries(folder: string, below: string): Entry[] {
  const root = lstatSync(join(folder, below), { throwIfNoEntry: false })
  if (!root) return []
  // Nothing is read through a link, wherever it leads.
  if (!root.isDirectory()) return [entryOf(folder, below)]
  const entries = readdirSync(join(folder, below), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entryOf(folder, relative(folder, join(entry.parentPath, entry.name))))
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
}

function entryOf(folder: string, path: string): Entry {
  const stat = lstatSync(join(folder, path))
  const mode = stat.isSymbolicLink() ? '120000' : stat.mode & 0o100 ? '100755' : '100644'
  return { mode, id: '', size: stat.size, path: path.split(sep).join('/') }
}
