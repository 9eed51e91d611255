import type { Heads } from './branches.ts'
import type { Update } from './hooks.ts'

const BRANCH = 'refs/heads/'
const TAG = 'refs/tags/'

/** Why these updates are refused whatever they contain; empty when they are not. */
export function faultsOfUpdates(updates: readonly Update[], heads: Heads, active: string): string[] {
  const names = new BranchNames(heads.keys())
  const seen = new Set<string>()
  return updates.flatMap((update) => {
    const twice = seen.has(update.ref) ? `${update.ref} is named twice in this push` : undefined
    seen.add(update.ref)
    const fault =
      twice ?? faultOfRef(update.ref) ?? misleadingName(update) ?? faultOfBranch(update, names, active)
    const branch = branchOf(update)
    if (branch !== undefined) names.add(branch)
    return fault ? [fault] : []
  })
}

function faultOfRef(ref: string): string | undefined {
  if (!ref.startsWith(BRANCH) && !ref.startsWith(TAG))
    return `${ref}: only branches and tags can be pushed (refs/heads/…, refs/tags/…)`
  const parts = ref.split('/')
  if (parts.some((part) => part.startsWith('-'))) return `${ref}: a name that begins with - is refused`
  if (parts.some((part) => /^\.|\.\.|\.git$/i.test(part)))
    return `${ref}: a name that begins with a dot, holds two or ends in .git is refused`
  if (!/^[\p{L}\p{N}\p{M}._/+@#=-]+$/u.test(ref))
    return `${ref}: a name may hold letters, digits and . _ - / + @ # = only`
  if (Buffer.byteLength(ref) > 200) return `${ref.slice(0, 60)}…: a name may have 200 bytes at most`
  return undefined
}

/** `git checkout HEAD` and `refs/heads/main` would mean two things. What has such a name already can be deleted. */
function misleadingName({ ref, after }: Update): string | undefined {
  const name = ref.slice((ref.startsWith(BRANCH) ? BRANCH : TAG).length)
  if (after === null || !/^(HEAD$|refs\/)/i.test(name)) return undefined
  return `${name} is the name of another ref in Git: choose another name`
}

function faultOfBranch(update: Update, names: BranchNames, active: string): string | undefined {
  const name = branchOf(update)
  if (name === undefined) return undefined
  if (update.after === null)
    return name === active
      ? `${name} is the branch that the servers follow: it cannot be deleted. To remove servers, push a commit without their nodes.`
      : undefined
  const twin = names.twinOf(name)
  if (twin) return `${name} differs from the branch ${twin} by upper and lower case only`
  const other = update.before === null ? names.nestedWith(name) : undefined
  return other
    ? `${name} and ${other} cannot both be branches: in Git one would be a folder. Delete ${other} in a push of its own, or choose another name`
    : undefined
}

/** Finds what a name clashes with, in steps that do not grow with the number of branches. */
class BranchNames {
  /** Names by their lower case. */
  readonly #names = new Map<string, Set<string>>()
  /** Folders in lower case, each with a branch below it. */
  readonly #folders = new Map<string, string>()

  constructor(names: Iterable<string>) {
    for (const name of names) this.add(name)
  }

  add(name: string): void {
    const folded = name.toLowerCase()
    const alike = this.#names.get(folded)
    if (alike) return void alike.add(name)
    this.#names.set(folded, new Set([name]))
    for (const folder of foldersOf(folded)) this.#folders.set(folder, name)
  }

  /** A branch that differs by upper and lower case only. */
  twinOf(name: string): string | undefined {
    for (const other of this.#names.get(name.toLowerCase()) ?? []) if (other !== name) return other
    return undefined
  }

  /** A branch above or below: in Git a name is a file, and cannot be a folder as well. */
  nestedWith(name: string): string | undefined {
    const folded = name.toLowerCase()
    for (const folder of foldersOf(folded)) {
      const [above] = this.#names.get(folder) ?? []
      if (above) return above
    }
    return this.#folders.get(folded)
  }
}

/** `a` and `a/b` of `a/b/c`. */
function foldersOf(name: string): string[] {
  const parts = name.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

export const branchOf = (update: Update): string | undefined =>
  update.ref.startsWith(BRANCH) ? update.ref.slice(BRANCH.length) : undefined
