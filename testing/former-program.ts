import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')

export interface FormerProgram extends Disposable {
  /** Path of its `bin/devops.ts`. */
  program: string
}

/** The code of a commit in a folder of its own. Throws with what to do when this clone does not have the commit. */
export async function openFormer(commit: string): Promise<FormerProgram> {
  await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root }).catch((error: unknown) => {
    const reason = `commit ${commit} is not in this clone; fetch the whole history: git fetch --unshallow --tags`
    throw new Error(reason, { cause: error })
  })
  using stack = new DisposableStack()
  const folder = mkdtempSync(join(tmpdir(), `devops-${commit}-`))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const archive = join(folder, 'code.tar')
  await run('git', ['archive', '-o', archive, commit], { cwd: root })
  const code = join(folder, 'code')
  mkdirSync(code)
  await run('tar', ['-xf', archive, '-C', code])
  if (satisfies(code)) symlinkSync(join(root, 'node_modules'), join(code, 'node_modules'))
  else await run('npm', ['ci', '--omit=dev'], { cwd: code })
  const undo = stack.move()
  return { program: join(code, 'bin/devops.ts'), [Symbol.dispose]: () => undo.dispose() }
}

/** Whether the packages of this checkout are those that the commit names. */
function satisfies(code: string): boolean {
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
  const wanted: Record<string, string> = read(join(code, 'package.json')).dependencies
  return Object.entries(wanted).every(([name, version]) => {
    try {
      return read(join(root, 'node_modules', name, 'package.json')).version === version
    } catch {
      return false
    }
  })
}

/** The versions whose data folders must upgrade; docs/checklists/migration.md says when the list grows. */
export async function formerVersions(): Promise<string[]> {
  const { stdout } = await run('git', ['tag', '--list', 'v0.1.0-alpha.*', '--sort=version:refname'], {
    cwd: root,
  })
  return ['0fce87c', 'bc66c91', 'b5a95d4', ...stdout.split('\n').filter(Boolean)]
}
