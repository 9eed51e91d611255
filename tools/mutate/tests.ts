import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export const hash = (text: string | Buffer) => createHash('sha256').update(text).digest('hex').slice(0, 16)

export interface TestFile {
  path: string
  hash: string
}

/** Source file or folder (`src/bus/`) -> the tests that judge it. */
type Judges = Record<string, string[]>

/** The tests that are named for a file; when none are: those beside it, then those named for its folders. */
export function testsOf(file: string): TestFile[] {
  const judges = JSON.parse(readFileSync(join(import.meta.dirname, 'tests.json'), 'utf8')) as Judges
  const folders: string[] = []
  for (let at = dirname(file); at !== '.'; at = dirname(at)) folders.push(...(judges[`${at}/`] ?? []))
  const paths = [...new Set(judges[file] ?? [file.replace(/\.ts$/, '.test.ts'), ...folders])]
  return paths
    .filter((path) => existsSync(join(root, path)))
    .map((path) => ({ path, hash: hash(readFileSync(join(root, path))) }))
}
