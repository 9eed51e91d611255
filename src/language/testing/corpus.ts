import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { File } from '../repository.ts'

const language = join(import.meta.dirname, '..')
const root = join(language, '../..')

/** Repositories as people write them: every case of the validator, good and bad, the examples, the catalog's services. */
export function readCorpus(): File[][] {
  const cases = readdirSync(join(language, 'cases'))
    .filter((name) => name.endsWith('.yml'))
    .flatMap((name) => parse(readFileSync(join(language, 'cases', name), 'utf8')) as { files: object }[])
    .map(({ files }) => Object.entries(files).map(([path, content]) => ({ path, content: String(content) })))
  const examples = foldersOf(join(root, 'examples')).map((folder) => filesBelow(folder))
  const services = foldersOf(join(root, 'catalog')).map((folder) =>
    filesBelow(folder).map(({ path, content }) => ({ path: `services/mine/${path}`, content })),
  )
  return [...cases, ...examples, ...services].filter((files) => files.length > 0)
}

const entriesOf = (folder: string): Dirent[] => readdirSync(folder, { withFileTypes: true })

const foldersOf = (folder: string): string[] =>
  entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))

function filesBelow(folder: string, prefix = ''): File[] {
  return entriesOf(folder).flatMap((entry): File[] => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path, `${prefix}${entry.name}/`)
    return [{ path: prefix + entry.name, content: readFileSync(path, 'utf8') }]
  })
}
