import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { type Git, GitFailed } from './git.ts'
import type { Update } from './hooks.ts'

interface Move {
  /** Folder of the repository. */
  at: string
  /** The log of each branch says who moved it. */
  user: string
  updates: readonly Update[]
}

/**
 * Moves all refs in one process and one transaction of git, or none. The process is in no group of the platform and of
 * no client: it ends its work when they are gone, and moves nothing when they go before all of it is said.
 * Throws `GitFailed`.
 */
export async function moveRefs(git: Git, { at, user, updates }: Move): Promise<void> {
  const env = { GIT_DIR: at, GIT_COMMITTER_NAME: user, GIT_COMMITTER_EMAIL: user }
  const child = git.start(['update-ref', '-m', 'push', '--stdin'], { env, hooks: false, pipes: 0 })
  if (!child.stdin || !child.stdout || !child.stderr) throw new Error('git was started without pipes')
  const heard = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  // A git that ends early closes its stdin; its exit status tells why.
  child.stdin.on('error', () => {})
  child.stdin.end(`start\n${updates.map(lineOf).join('')}prepare\ncommit\n`)
  const [, said, [code]] = await heard
  if (code !== 0) throw new GitFailed('update-ref', code ?? undefined, said, undefined)
}

/** Updates that leave everything as it is (the deletion of what is not there) are no line. */
function lineOf({ ref, before, after }: Update): string {
  if (after) return `update ${ref} ${after} ${before ?? '0'.repeat(40)}\n`
  return before ? `delete ${ref} ${before}\n` : ''
}

/** The reason for each ref, in one line: git names the one that it could not move. */
export function reasonsOf(updates: readonly Update[], error: unknown): Map<string, string> {
  const said = error instanceof GitFailed ? error.said : ''
  const [, reason = 'git could not move it'] = /^fatal: (?:[a-z]+: )?(.+)$/m.exec(said) ?? []
  const culprits = updates.filter(({ ref }) => said.includes(`'${ref}'`))
  return new Map(
    updates.map((update) => [
      update.ref,
      culprits.length === 0 || culprits.includes(update)
        ? reason
        : 'another ref of this push could not be moved',
    ]),
  )
}
