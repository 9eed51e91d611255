import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative } from 'node:path'

/**
 * Makes `dist/` for `npm pack`: the platform and the command line as JavaScript, since Node strips no types below
 * node_modules. The repository itself has no build step. Types become white space, so lines and columns stay as they are.
 */
const root = join(import.meta.dirname, '..')

const isForTests = (path: string) => /\.test\.ts$|(^|\/)(testing|cases|composite-cases)(\/|$)/.test(path)

interface Manifest {
  imports: Record<string, string>
}
const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** `#bus/x.ts` -> `src/bus/x.ts`; undefined: the package of somebody else. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return join(dirname(from), specifier)
  for (const [key, place] of Object.entries(imports)) {
    if (specifier === key) return place.slice(2)
    const [start = '', end] = key.split('*')
    if (end === undefined || !specifier.startsWith(start)) continue
    return place.slice(2).replace('*', specifier.slice(start.length))
  }
}

/** A module as JavaScript, its imports by relative path. */
export function toJavaScript(path: string, text: string): string {
  const code = stripTypeScriptTypes(text, { mode: 'strip' })
  return code.replace(
    /(\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\2/g,
    (whole, before: string, quote: string, specifier: string) => {
      const place = resolveImport(path, specifier)
      if (place === undefined) return whole
      const way = relative(dirname(path), place).replace(/\.ts$/, '.js')
      return `${before}${quote}${way.startsWith('.') ? way : `./${way}`}${quote}`
    },
  )
}

/** `target`: the folder that becomes `dist/`; what is there is replaced. */
export function pack(target: string): void {
  rmSync(target, { recursive: true, force: true })
  const files = globSync(['bin/**/*', 'src/**/*'], { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !isForTests(path) && path !== 'bin/devops')
  for (const path of files) {
    const place = join(target, path.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(place), { recursive: true })
    if (path.endsWith('.ts')) writeFileSync(place, toJavaScript(path, readFileSync(join(root, path), 'utf8')))
    else cpSync(join(root, path), place)
  }
  cpSync(join(root, 'catalog'), join(target, 'catalog'), {
    recursive: true,
    filter: (path) => !/\/cases(\/|$)/.test(path.slice(root.length)),
  })
  cpSync(join(root, 'package.json'), join(target, 'package.json'))
}

if (import.meta.main) pack(join(root, 'dist'))
