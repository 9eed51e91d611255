import type { Heads } from './branches.ts'
import type { Update } from './hooks.ts'

const BRANCH = 'refs/heads/'
const TAG = 'refs/tags/'

/** Why these updates are refused whatever they contain; empty when they are not. */
export function faultsOfUpdates(updates: readonly Update[], heads: Heads, active: string): string[] {
  const names = new Set(heads.keys())
  return updates.flatMap((update) => {
    const fault = faultOfRef(update.ref) ?? misleadingName(update) ?? faultOfBranch(update, names, active)
    if (update.ref.startsWith(BRANCH)) names.add(update.ref.slice(BRANCH.length))
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

function faultOfBranch(update: Update, names: ReadonlySet<string>, active: string): string | undefined {
  if (!update.ref.startsWith(BRANCH)) return undefined
  const name = update.ref.slice(BRANCH.length)
  if (update.after === null)
    return name === active
      ? `${name} is the branch that the servers follow: it cannot be deleted. To remove servers, push a commit without their nodes.`
      : undefined
  const folded = name.toLowerCase()
  const twin = [...names].find((other) => other !== name && other.toLowerCase() === folded)
  return twin ? `${name} differs from the branch ${twin} by upper and lower case only` : undefined
}

export const branchOf = (update: Update): string | undefined =>
  update.ref.startsWith(BRANCH) ? update.ref.slice(BRANCH.length) : undefined
