import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Finding, Service } from '#contracts/descriptors.ts'
import { checkRepository, jsonSchemas, readCatalog, sortFindings } from '#language'
import { folders, judgeEntries } from '#services/git/descriptors.ts'
import { defaultLimits } from '#services/git/limits.ts'
import type { Entry } from '#services/git/objects.ts'
import { catalogFolder } from './catalog.ts'

/** What an editor of this program's users should know of. */
export const schemasOfCatalog = () => jsonSchemas(readCatalog(catalogFolder))

/** `devops validate`: what a push of this working tree would be told, without a platform. */
export const validateFolder = (folder: string): Finding[] => judgeFolder(folder, readCatalog(catalogFolder))

export function judgeFolder(folder: string, catalog: readonly Service[]): Finding[] {
  const { files, findings } = judgeEntries(
    folders.flatMap((name) => listEntries(folder, name)),
    defaultLimits,
    ({ path }) => readFileSync(join(folder, path)),
  )
  return sortFindings([...findings, ...checkRepository(files, { catalog }).findings])
}

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
