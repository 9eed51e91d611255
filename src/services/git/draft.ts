import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileChange } from '#contracts/files.ts'
import { newId } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import type { Git } from './git.ts'
import { isTreePath } from './locate.ts'
import { type Entry, listEntries, type Place } from './objects.ts'
import type { Places } from './places.ts'

/** A commit in a repository of its own, which sees the objects of another and adds nothing to it. */
export interface Draft extends AsyncDisposable {
  commit: string
  /** All that the other repository lacks. */
  pack: Buffer
}

interface Wish {
  /** Folder of the repository that it is made for. */
  at: string
  parent: string | null
  /** To the files of the parent; or all the files that there shall be: a commit that has them. */
  changes: readonly FileChange[] | { as: string }
  message: string
  /** `ann` */
  author: { name: string; email: string }
  /** Milliseconds since the epoch. */
  now: number
}

const REF = 'refs/heads/draft'
const PACK_LIMIT = 256 * 1024 * 1024

/** Throws `invalid` for changes that do not fit what is there. */
export async function draftCommit({ git, places }: { git: Git; places: Places }, wish: Wish): Promise<Draft> {
  const { at, parent } = wish
  const changes = await checkedChanges(git, wish)
  const folder = join(places.trash, newId())
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  await git.run(['init', '--quiet', '--bare', '--template=', folder])
  await mkdir(join(folder, 'objects/info'), { recursive: true })
  await writeFile(join(folder, 'objects/info/alternates'), `${join(at, 'objects')}\n`)
  const place = { at: folder }
  await git.run(['fast-import', '--quiet'], { ...place, input: importOf({ ...wish, changes }) })
  const commit = await idOf(git, place, REF)
  if (parent && (await idOf(git, place, `${parent}^{tree}`)) === (await idOf(git, place, `${REF}^{tree}`)))
    throw new Problem('invalid', { reason: 'the changes leave every file as it is' })
  const range = `${commit}\n${parent ? `^${parent}\n` : ''}`
  const args = ['pack-objects', '--revs', '--stdout', '--quiet']
  const pack = await git.run(args, { ...place, input: range, limit: PACK_LIMIT })
  const undo = stack.move()
  return { commit, pack, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

/** Of a commit whose files are taken over its tree, which is all that git needs. */
async function checkedChanges(git: Git, { at, parent, changes }: Wish): Promise<Wish['changes']> {
  if ('as' in changes) return { as: await idOf(git, { at }, `${changes.as}^{tree}`) }
  checkChanges(parent ? await listEntries(git, { at }, parent) : [], changes)
  return changes
}

const idOf = async (git: Git, place: Place, name: string): Promise<string> =>
  (await git.run(['rev-parse', '--verify', '--quiet', name], place)).toString().trim()

/** A stream as git-fast-import(1) reads it. */
function importOf({ parent, changes, message, author, now }: Wish): Buffer {
  const who = `${author.name} <${author.email}> ${Math.floor(now / 1000)} +0000`
  const head = [`commit ${REF}`, `author ${who}`, `committer ${who}`].join('\n')
  return Buffer.concat([
    Buffer.from(`${head}\n`),
    dataOf(Buffer.from(`${message.trim()}\n`)),
    Buffer.from(parent ? `from ${parent}\n` : ''),
    ...('as' in changes ? [Buffer.from(`M 040000 ${changes.as} ""\n`)] : changes.map(changeOf)),
    Buffer.from('\n'),
  ])
}

function changeOf(change: FileChange): Buffer {
  const path = `"${change.path.replace(/["\\]/g, '\\$&')}"`
  if ('delete' in change) return Buffer.from(`D ${path}\n`)
  const mode = change.executable ? '100755' : '100644'
  const content = Buffer.from(change.content, change.encoding === 'base64' ? 'base64' : 'utf8')
  return Buffer.concat([Buffer.from(`M ${mode} inline ${path}\n`), dataOf(content)])
}

const dataOf = (content: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`data ${content.length}\n`), content, Buffer.from('\n')])

function checkChanges(entries: readonly Entry[], changes: readonly FileChange[]): void {
  const tree = new Map(entries.map(({ path, mode }) => [path, mode]))
  for (const change of changes) {
    refuseOddPath(change.path)
    const below = `${change.path}/`
    if ('delete' in change) {
      const gone = [...tree.keys()].filter((path) => path === change.path || path.startsWith(below))
      if (gone.length === 0) throw refusal(change.path, 'is not there')
      for (const path of gone) tree.delete(path)
      continue
    }
    refuseThroughOthers(tree, change.path)
    if (tree.get(change.path) === '120000') throw refusal(change.path, 'is a symbolic link: delete it first')
    if ([...tree.keys()].some((path) => path.startsWith(below))) throw refusal(change.path, 'is a folder')
    tree.set(change.path, '100644')
  }
}

/** Nothing is written through a link, nor below a file. */
function refuseThroughOthers(tree: ReadonlyMap<string, string>, path: string): void {
  const parts = path.split('/')
  for (let length = 1; length < parts.length; length++) {
    const above = parts.slice(0, length).join('/')
    const mode = tree.get(above)
    if (mode === '120000') throw refusal(above, 'is a symbolic link: nothing is written through it')
    if (mode !== undefined) throw refusal(above, 'is no folder')
  }
}

/** What git itself would refuse in a tree is refused with a reason; git judges all the same. */
function refuseOddPath(path: string): void {
  const parts = path.split('/')
  if (!isTreePath(path) || /[\p{Cc}\\]/u.test(path)) throw refusal(path, 'is no path in a repository')
  if (parts.some((part) => part.startsWith('-'))) throw refusal(path, 'has a name that begins with -')
  if (parts.some((part) => part.toLowerCase() === '.git')) throw refusal(path, 'belongs to git itself')
}

const refusal = (path: string, reason: string): Problem =>
  new Problem('invalid', { reason: `${JSON.stringify(path)} ${reason}`, path })
