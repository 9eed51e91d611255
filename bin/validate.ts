import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '#contracts/descriptors.ts'
import { checkRepository, type File, isBinary, readCatalog } from '#language'
import { folders } from '#services/git/descriptors.ts'
import { catalogFolder } from './catalog.ts'

/** `devops validate`: what a push of this working tree would be told, without a platform. */
export function validateFolder(folder: string): Finding[] {
  const files: File[] = []
  const findings: Finding[] = []
  for (const path of folders.flatMap((name) => listFiles(folder, name))) {
    if (lstatSync(join(folder, path)).isSymbolicLink())
      findings.push(fault(path, 'is a symbolic link: put the file itself here'))
    else files.push({ path, content: readFileSync(join(folder, path), isBinary(path) ? 'base64' : 'utf8') })
  }
  return [...findings, ...checkRepository(files, { catalog: readCatalog(catalogFolder) }).findings]
}

function listFiles(folder: string, below: string): string[] {
  try {
    return readdirSync(join(folder, below), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\/+/, ''))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const fault = (path: string, message: string): Finding => ({
  severity: 'error',
  path,
  line: 1,
  column: 1,
  at: '',
  message,
})
