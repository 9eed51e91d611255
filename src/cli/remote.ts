import { execFileSync } from 'node:child_process'

const NAME = '[A-Za-z0-9][A-Za-z0-9_-]{0,62}'
const patterns = [
  // ssh://git@host:7722/owner/repo.git, http://host:7781/owner/repo
  new RegExp(`^(?:ssh|https?|git)://[^/]+/(${NAME})/(${NAME})(?:\\.git)?/?$`),
  // git@host:owner/repo.git
  new RegExp(`^(?:[^@/:]+@)?[^/:]+:/?(${NAME})/(${NAME})(?:\\.git)?/?$`),
]

/** `owner/name` out of the address of a Git remote; undefined when it is none of ours. */
export function repoOfRemote(url: string): string | undefined {
  for (const pattern of patterns) {
    const [, owner, repo] = pattern.exec(url.trim()) ?? []
    if (owner && repo) return `${owner}/${repo}`
  }
  return undefined
}

/** The repository that the folder is a clone of. `origin` is asked first. */
export function repoOfFolder(cwd: string): string | undefined {
  const remotes = git(cwd, 'remote').split('\n').filter(Boolean)
  const ordered = remotes.toSorted((a, b) => Number(b === 'origin') - Number(a === 'origin'))
  for (const remote of ordered) {
    const repo = repoOfRemote(git(cwd, 'remote', 'get-url', '--', remote))
    if (repo) return repo
  }
  return undefined
}

function git(cwd: string, ...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    // No git, or no repository: there is no remote to read.
    return ''
  }
}
